// @ts-check
// The sample workspace as `npm start` opens it: a copy, so that trying things out changes nothing that git tracks.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { hashOf, root, stateFolder } from "./steps.mjs";

const source = join(root, "samples");
const copy = join(stateFolder, "samples");
const record = join(stateFolder, "samples.json");

/** The trace that is shown first, relative to the workspace. */
export const SAMPLE_TRACE = join("traces", "countdown-long.txt");

/** What the samples' run file names beside the samples' folder, by paths relative to itself. */
const BESIDE = [
  join("models", "pocket.gguf"),
  join("schemas", "run.schema.json"),
];

/** The model that comes with the repository. */
export const POCKET_MODEL = join(root, "models", "pocket.gguf");

/**
 * Brings the copy up to date. A file that was edited there is left as it is.
 * @returns {{folder: string, kept: string[]}} the copy, and the edited files that differ from samples/
 */
export function refreshSamples() {
  /** @type {Record<string, string>} hash of each file as it was copied */
  const copied = existsSync(record)
    ? JSON.parse(readFileSync(record, "utf8"))
    : {};
  const kept = [];
  for (const path of filesOf(source)) {
    const target = join(copy, path);
    const fresh = hashOfFile(join(source, path));
    const present = existsSync(target) ? hashOfFile(target) : undefined;
    if (present !== undefined && present !== copied[path]) {
      if (present !== fresh) kept.push(path);
      continue;
    }
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(source, path), target);
    copied[path] = fresh;
  }
  writeFileSync(record, JSON.stringify(copied, undefined, 2));
  for (const path of BESIDE) {
    mkdirSync(dirname(join(stateFolder, path)), { recursive: true });
    copyFileSync(join(root, path), join(stateFolder, path));
  }
  return { folder: copy, kept };
}

/** @param {string} folder */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name).slice(folder.length + 1),
    );
}

/** @param {string} path */
function hashOfFile(path) {
  return hashOf([path], { names: false });
}
