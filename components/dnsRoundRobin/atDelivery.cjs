// @ts-check
"use strict";
// What a name server's command decides on the operator's side: see AtDelivery in host/delivery/role.cjs. Peers are the zone's other
// name servers: all agree on a serial.

/** A serial of today, the first of the day. @param {Date} now */
const ownAnswer = (now) => `${now.toISOString().slice(0, 10).replaceAll("-", "")}00`;

/** A serial, and the hash of the zone that has it where it is known. @param {string} line */
const isAnswer = (line) => /^\d{1,10}( [0-9a-f]{64})?$/.test(line);

module.exports = { ownAnswer, isAnswer };
