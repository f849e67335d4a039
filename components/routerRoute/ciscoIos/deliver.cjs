// @ts-check
"use strict";
require("../cli/change.cjs").deliver(require("./driver.cjs").driver);
