import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

// Without type information: tsc has that, and the linter stays fast.
export default defineConfig(
  globalIgnores(["**/node_modules/", "dist/", "dist.*/"]),
  js.configs.recommended,
  tseslint.configs.recommended,
  {
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      // tsc reports these, also for code that it alone understands.
      "no-undef": "off",
      "@typescript-eslint/no-unused-vars": "off",
    },
  },
  { files: ["**/*.cjs"], rules: { "@typescript-eslint/no-require-imports": "off" } },
);
