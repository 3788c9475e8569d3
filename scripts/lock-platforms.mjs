// Adds to package-lock.json the llama.cpp packages of platforms whose packages the registry at hand does not serve.
//
// Why: `npm install` drops an optional package that it cannot look up, and `npm ci` then refuses the lockfile on
// every machine. Run this after a change of dependencies; it is idempotent.
import { readFileSync, writeFileSync } from "node:fs";

const PLATFORMS = {
  "mac-arm64-metal": { cpu: "arm64", os: "darwin" },
  "mac-x64": { cpu: "x64", os: "darwin" },
  "win-arm64": { cpu: "arm64", os: "win32" },
  "win-x64": { cpu: "x64", os: "win32" },
  "win-x64-vulkan": { cpu: "x64", os: "win32" },
};

const path = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
const { version, license } = lock.packages["node_modules/node-llama-cpp"];
for (const [platform, { cpu, os }] of Object.entries(PLATFORMS)) {
  lock.packages[`node_modules/@node-llama-cpp/${platform}`] ??= {
    version,
    cpu: [cpu],
    license,
    optional: true,
    os: [os],
    engines: { node: ">=20.0.0" },
  };
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) =>
  a < b ? -1 : 1,
);
lock.packages = Object.fromEntries(sorted);
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
