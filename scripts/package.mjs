// @ts-check
// npm run package: makes forksight-<platform>-<version>.vsix for this machine's platform.
//
// It stages the files in a folder of its own, so that the working tree's node_modules stays whole, and lets vsce pack
// that. The modules that the engine loads at run time go to dist/node_modules: Node finds them from dist/engine.mjs,
// and vsce, told to look for no dependencies, packs them as plain files (its own way asks `npm list`, which calls the
// stand-ins in package.json's overrides invalid).
//
// Usage: npm run package [-- --out FILE]
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { setUp } from "./setup.mjs";
import {
  ScriptError,
  failWith,
  root,
  run,
  stateFolder,
  step,
} from "./steps.mjs";

/** Packages that the bundles leave outside ("external" in esbuild.config.mjs) and load at run time. */
const RUNTIME_PACKAGES = ["node-llama-cpp"];

/** Copied as they are; a folder with all that it holds. */
const FILES = [
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  ".vscodeignore",
  "media",
  "models/pocket.gguf",
  "python/pyproject.toml",
  "python/src",
  "samples",
  "schemas",
];

/** Never needed in the package: 35 MB of llama.cpp's source among it. */
const DROPPED = /\.(map|d\.ts|d\.mts|d\.cts)$|gitRelease\.bundle$/u;

/** vsce's name of this platform, for example linux-x64. */
const target = `${process.platform}-${process.arch}`;

/** @typedef {Record<string, {dependencies?: Record<string, string>, optionalDependencies?: Record<string, string>, name?: string}>} Packages */

/**
 * The paths of packages and of all that they depend on, as npm laid them out.
 * @param {Packages} packages of node_modules/.package-lock.json
 * @param {readonly string[]} names
 * @returns {string[]} relative to the repository, without the overrides' stand-ins
 */
function closure(packages, names) {
  /** @type {Set<string>} */
  const found = new Set();
  const visit = (/** @type {string} */ name, /** @type {string} */ from) => {
    const path = resolvePackage(packages, name, from);
    if (path === undefined || found.has(path)) return;
    // An override put another package in this one's place: it is not needed here.
    if (packages[path]?.name !== undefined) return;
    found.add(path);
    const { dependencies, optionalDependencies } = packages[path] ?? {};
    for (const next of Object.keys({
      ...dependencies,
      ...optionalDependencies,
    })) {
      visit(next, path);
    }
  };
  for (const name of names) visit(name, "");
  return [...found];
}

/**
 * Node's way of finding a package: in the node_modules of the package that asks, then in those above it.
 * @param {Packages} packages
 * @param {string} name
 * @param {string} from path of the package that asks; empty for the root
 */
function resolvePackage(packages, name, from) {
  for (let folder = from; ;) {
    const path = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (path in packages) return path;
    if (folder === "") return undefined;
    const parent = folder.lastIndexOf("/node_modules/");
    folder = parent < 0 ? "" : folder.slice(0, parent);
  }
}

/** @param {string} stage */
function stageFiles(stage) {
  for (const path of FILES) {
    if (!existsSync(join(root, path))) {
      throw new ScriptError(`${path} is missing: it belongs in the package.`);
    }
    mkdirSync(dirname(join(stage, path)), { recursive: true });
    cpSync(join(root, path), join(stage, path), { recursive: true });
  }
  mkdirSync(join(stage, "dist"), { recursive: true });
  for (const entry of readdirSync(join(root, "dist"), {
    withFileTypes: true,
    recursive: true,
  })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || DROPPED.test(path)) continue;
    const copy = join(stage, path.slice(root.length + 1));
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(path, copy);
  }
}

/** @param {string} stage */
function stageModules(stage) {
  const lockfile = join(root, "node_modules", ".package-lock.json");
  const { packages } = JSON.parse(readFileSync(lockfile, "utf8"));
  for (const path of closure(packages, RUNTIME_PACKAGES)) {
    cpSync(join(root, path), join(stage, "dist", path), {
      recursive: true,
      // A package's own node_modules holds packages that the closure lists by themselves, where they are needed.
      filter: (from) =>
        !DROPPED.test(from) &&
        !from.slice(join(root, path).length).includes("node_modules"),
    });
  }
}

/**
 * The manifest without what only the repository needs.
 * @param {string} stage
 * @returns {string} the version
 */
function stageManifest(stage) {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const key of [
    "private",
    "scripts",
    "dependencies",
    "devDependencies",
    "overrides",
  ]) {
    delete manifest[key];
  }
  writeFileSync(
    join(stage, "package.json"),
    `${JSON.stringify(manifest, undefined, 2)}\n`,
  );
  return manifest.version;
}

async function main() {
  const { values } = parseArgs({ options: { out: { type: "string" } } });
  await setUp();
  const stage = join(stateFolder, `package-${target}`);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  const version = await step("staging", () => {
    stageFiles(stage);
    stageModules(stage);
    return stageManifest(stage);
  });
  const file = values.out ?? join(root, `forksight-${target}-${version}.vsix`);
  await step("packing", () =>
    run(
      process.execPath,
      [
        join(root, "node_modules", "@vscode", "vsce", "vsce"),
        "package",
        ...["--target", target, "--out", file],
        "--no-dependencies",
        "--allow-missing-repository",
        "--no-rewrite-relative-links",
      ],
      { cwd: stage, quiet: true },
    ),
  );
  rmSync(stage, { recursive: true });
  const megabytes = statSync(file).size / 1e6;
  console.log(`\n${file}: ${megabytes.toFixed(1)} MB`);
}

await main().catch(failWith);
