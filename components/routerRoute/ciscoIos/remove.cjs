// @ts-check
"use strict";
require("../cli/remove.cjs").remove(require("./driver.cjs").driver);
