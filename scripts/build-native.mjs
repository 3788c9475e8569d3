// Builds the C++ add-on into dist/forksight.node. `--force` builds even where nothing changed.
//
// llama.cpp's headers come at build time from the source bundle inside node-llama-cpp, so that header and binary are
// of one release and no copy lies in this repository. The result is Node-API: it loads in any Node from 20 and in Electron.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const native = join(root, "native");
const headers = join(native, "headers");
const llama = join(root, "node_modules", "node-llama-cpp", "llama");
const output = join(root, "dist", "forksight.node");
const stamp = join(native, "build", "forksight-stamp.txt");

/** Says what is wrong and what to do, and ends. */
function fail(message) {
  console.error(`build-native: ${message}`);
  process.exit(1);
}

function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** The release of llama.cpp that the installed node-llama-cpp carries, for example "v0.5.0". */
function llamaRelease() {
  const prebuilt = join(llama, "binariesGithubRelease.json");
  const source = join(llama, "llama.cpp.info.json");
  if (!existsSync(prebuilt) || !existsSync(source)) {
    fail("node-llama-cpp is not installed: run `npm ci` first.");
  }
  const { release } = readJson(prebuilt);
  const { tag } = readJson(source);
  if (release !== tag) {
    fail(
      `node-llama-cpp carries binaries of llama.cpp ${release} and source of ${tag}: headers and binaries must be of one release. Pin another version of node-llama-cpp.`,
    );
  }
  return release;
}

function run(program, args, options = {}) {
  return spawnSync(program, args, { encoding: "utf8", ...options });
}

/** Puts include/ and ggml/include/ of the release into native/headers. */
function extractHeaders(release) {
  const mark = join(headers, "release.txt");
  if (existsSync(mark) && readFileSync(mark, "utf8") === release) return;
  const bundle = join(llama, "gitRelease.bundle");
  if (!existsSync(bundle)) {
    fail(
      `there is no ${bundle}: the installed node-llama-cpp lacks llama.cpp's source. Run \`npm ci\`.`,
    );
  }
  if (run("git", ["--version"]).status !== 0) {
    fail(
      "git is needed to take llama.cpp's headers out of node-llama-cpp: install git and try again.",
    );
  }
  const temporary = mkdtempSync(join(tmpdir(), "forksight-headers-"));
  try {
    const repository = join(temporary, "llama.git");
    const git = (...args) => {
      const { status, stderr } = run("git", args);
      if (status !== 0) {
        fail(`git ${args[0]} failed on ${bundle}:\n${stderr.trim()}`);
      }
    };
    git("clone", "--quiet", "--bare", bundle, repository);
    rmSync(headers, { recursive: true, force: true });
    mkdirSync(headers, { recursive: true });
    git(
      `--git-dir=${repository}`,
      `--work-tree=${headers}`,
      "checkout",
      "HEAD",
      "--",
      "include",
      "ggml/include",
    );
    writeFileSync(mark, release);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Changes when anything does that the binary depends on. */
function inputsHash(release) {
  const hash = createHash("sha256");
  const sources = readdirSync(join(native, "src"))
    .sort()
    .map((name) => join(native, "src", name));
  for (const path of [
    ...sources,
    join(native, "binding.gyp"),
    join(root, "node_modules", "node-addon-api", "package.json"),
  ]) {
    hash.update(path.slice(root.length)).update(readFileSync(path));
  }
  hash.update(`${release} ${process.platform} ${process.arch}`);
  return hash.digest("hex");
}

/** Folder with include/node/node_api.h of this Node, where its installation has one; else node-gyp fetches it. */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, "include", "node", "node_api.h"))
    ? [`--nodedir=${prefix}`]
    : [];
}

function compile(release) {
  const gyp = join(root, "node_modules", "node-gyp", "bin", "node-gyp.js");
  if (!existsSync(gyp)) fail("node-gyp is not installed: run `npm ci` first.");
  const { status } = run(
    process.execPath,
    [
      gyp,
      // Not "rebuild": make compiles again what changed.
      "configure",
      "build",
      "-C",
      native,
      "--release",
      "--loglevel=warn",
      `--jobs=${Math.min(4, availableParallelism())}`,
      `--llama_release=${release}`,
      ...nodeHeaders(),
    ],
    { stdio: "inherit" },
  );
  if (status !== 0) {
    fail(
      "the C++ add-on did not compile (its messages stand above). It needs Python 3 and a C++17 compiler: " +
        "GCC 9 or Clang 10 with make on Linux, Xcode's command line tools on macOS, Visual Studio's \"Desktop development with C++\" on Windows.",
    );
  }
}

const release = llamaRelease();
const hash = inputsHash(release);
const current =
  existsSync(output) &&
  existsSync(stamp) &&
  readFileSync(stamp, "utf8") === hash;
if (current && !process.argv.includes("--force")) {
  console.log("build-native: dist/forksight.node is up to date.");
} else {
  extractHeaders(release);
  compile(release);
  mkdirSync(dirname(output), { recursive: true });
  // A running process may hold the old file open: replace it, do not write into it.
  const fresh = `${output}.${process.pid}`;
  copyFileSync(join(native, "build", "Release", "forksight.node"), fresh);
  renameSync(fresh, output);
  writeFileSync(stamp, hash);
  console.log(`build-native: dist/forksight.node for llama.cpp ${release}.`);
}
