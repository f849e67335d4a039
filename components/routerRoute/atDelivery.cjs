// @ts-check
"use strict";
// What a router's command decides on the operator's side: see AtDelivery in host/delivery/role.cjs.

/**
 * These are for one run, so they are no input of the resource.
 * @param {NodeJS.ProcessEnv} environment
 * @returns {string[] | { refusal: string }}
 */
function wordsForRun({ LOOPBACK_HA_FORCE_MOVE: force, LOOPBACK_HA_DESPITE_SITES: sites }) {
  // As examples/sudoers has it.
  if (sites && !/^[a-z0-9-]+(,[a-z0-9-]+)*$/.test(sites))
    return {
      refusal: "LOOPBACK_HA_DESPITE_SITES is not a list of site names such as shop,blog; nothing was changed",
    };
  return [...(force ? ["1"] : []), ...(sites ? ["despite", sites] : [])];
}

/** @param {Record<string, string>} want */
function confirmSeconds(want) {
  const [, seconds] = /^confirm_seconds=(\d+)$/m.exec(want.settings ?? "") ?? [];
  return Number(seconds ?? 0);
}

module.exports = { wordsForRun, confirmSeconds };
