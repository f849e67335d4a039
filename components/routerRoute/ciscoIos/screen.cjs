// @ts-check
"use strict";
// How IOS's terminal is read.

/** @type {import("../cli/dialect").Dialect} */
const dialect = {
  errors: [
    // All of IOS's errors begin so; %SYS-5-CONFIG_I: and the like are the log's.
    /^\s*%(?!\w+(-\w+)*-\d-\w+:)/,
    /\b(invalid input|incomplete command|ambiguous command|unknown command|command not found)\b/i,
    /\b(authorization failed|command rejected|access denied|permission denied|bad secrets?|bad mask)\b/i,
    /\b(connection refused|connection timed out)\b/i,
    /^\s*error\b/i,
  ],
  // The log, and the rollback timer's reminder.
  interjections: /%\w+(-\w+)*-\d-\w+:|^\s*(Rollback Confirmed Change:|Enter "configure confirm")/,
  behindPrompt: /Rollback Confirmed Change:/,
  isConfiguring: (prompt) => prompt.includes("(config"),
};

module.exports = { dialect };
