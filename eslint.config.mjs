// The lint rules, and among them the arrows between the rooms (ARCHITECTURE.md): one way only.
import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

/** A room may import only what `allowed` names; everything else of ours, and the listed modules, is refused. */
function room(folder, { forbidden, modules = [] }) {
  const patterns = forbidden.map((other) => ({
    regex: `^(\\.\\./)+${other}(/|$)`,
    message: `${folder}/ may not import ${other}/ (ARCHITECTURE.md, "Rooms").`,
  }));
  return {
    files: [`${folder}/**/*.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns,
          paths: modules.map((name) => ({
            name,
            message: `${folder}/ may not import ${name} (ARCHITECTURE.md, "Rooms").`,
          })),
        },
      ],
    },
  };
}

const NODE_MODULES_REGEX = "^node:";
const core = room("core", {
  forbidden: ["native", "extension", "webview", "test", "scripts"],
  modules: ["vscode"],
});
core.rules["no-restricted-imports"][1].patterns.push({
  regex: NODE_MODULES_REGEX,
  message: "core/ is the plain domain: no process, no files, no node: modules.",
});

export default tseslint.config(
  {
    ignores: [
      "dist/",
      "node_modules/",
      "workbench/node_modules/",
      "native/build/",
      "native/headers/",
      ".forksight/",
      "test-results/",
      "**/.venv/",
      "**/.venv-ray/",
    ],
  },
  eslint.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
      },
    },
  },
  {
    files: ["**/*.mjs"],
    languageOptions: {
      globals: {
        process: "readonly",
        console: "readonly",
        URL: "readonly",
        setTimeout: "readonly",
        clearTimeout: "readonly",
        fetch: "readonly",
      },
    },
  },
  core,
  room("native", {
    forbidden: ["extension", "webview", "test", "scripts"],
    modules: ["vscode"],
  }),
  room("webview", {
    forbidden: ["native", "extension", "test", "scripts"],
    modules: ["vscode"],
  }),
  room("extension", {
    // The engine's client is the one door from the extension host into native/.
    forbidden: ["native/(?!client(/|$))", "webview", "test", "scripts"],
    modules: ["node-llama-cpp"],
  }),
);
