// @ts-check
"use strict";
// What a web server's command decides on the operator's side: see AtDelivery in host/delivery/role.cjs.

/** Before the names that the configuration's author chose: the secrets in a site's lines. */
const OF_SITES = "site_";

/** @param {string} name */
const isQuoted = (name) => name.startsWith(OF_SITES);

/**
 * @param {string} name
 * @param {string} value
 * @returns {string | undefined}
 */
function refusalOfSecret(name, value) {
  // It would be another line of Apache's configuration, or have the next one for its own end.
  if (!isQuoted(name) || !(/[\r\n\0]/.test(value) || value.endsWith("\\"))) return undefined;
  const chosen = name.slice(OF_SITES.length);
  return `the secret ${chosen} has more than one line, or ends in a backslash; nothing was changed. Set it again: pulumi config set --secret secret-${chosen}`;
}

module.exports = { isQuoted, refusalOfSecret };
