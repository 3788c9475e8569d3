// Builds every bundle: the extension host, the engine process and the CLI. `--watch` rebuilds on change.
import { context } from "esbuild";

const watch = process.argv.includes("--watch");
const shared = {
  bundle: true,
  sourcemap: true,
  minify: false,
  logLevel: "info",
  legalComments: "linked",
};

const esm = {
  ...shared,
  platform: "node",
  target: "node20",
  format: "esm",
  // node-llama-cpp finds its prebuilt libraries beside its own files, so it stays a package.
  external: ["node-llama-cpp"],
  // Bundled CommonJS dependencies call require() for Node's own modules.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
};

/** One entry a process; the outputs are named by package.json ("main", "bin") and by native/client. */
const builds = [
  {
    ...shared,
    entryPoints: { extension: "extension/extension.ts" },
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["vscode"],
    outdir: "dist",
    outExtension: { ".js": ".cjs" },
  },
  {
    ...esm,
    entryPoints: {
      engine: "native/engine/main.ts",
      cli: "native/cli/main.ts",
      "reward-host": "native/trainer/rewardHost.mjs",
      reward_host: "native/trainer/reward_host.py",
    },
    loader: { ".py": "copy" },
    outdir: "dist",
    outExtension: { ".js": ".mjs" },
  },
  {
    ...shared,
    // The panels: each a script and a style sheet of its own name.
    entryPoints: [
      { in: "webview/launch/main.ts", out: "launch" },
      { in: "webview/launch/launch.css", out: "launch" },
      { in: "webview/dashboard/main.ts", out: "dashboard" },
      { in: "webview/dashboard/dashboard.css", out: "dashboard" },
      { in: "webview/statistics/main.ts", out: "statistics" },
      { in: "webview/statistics/statistics.css", out: "statistics" },
      { in: "webview/training/main.ts", out: "training" },
      { in: "webview/training/training.css", out: "training" },
      { in: "webview/rollouts/main.ts", out: "rollouts" },
      { in: "webview/rollouts/rollouts.css", out: "rollouts" },
    ],
    platform: "browser",
    target: "chrome120",
    format: "iife",
    minify: true,
    outdir: "dist/webview",
  },
];

const contexts = await Promise.all(builds.map((build) => context(build)));
if (watch) {
  await Promise.all(contexts.map((one) => one.watch()));
} else {
  await Promise.all(contexts.map((one) => one.rebuild()));
  await Promise.all(contexts.map((one) => one.dispose()));
}
