/** What a job needs of this machine: the package forksight_trl, the run file, model and data, in one zip. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { Zip, ZipPassThrough } from "fflate";
import type { HashedFile } from "../../core/run/folder";
import { readsLikeHubId } from "../../core/run/runPaths";
import type { RunSettings } from "../../core/run/settings";

/** Bytes of a run's own files that are uploaded at most; Ray refuses packages of 500 MB. */
export const UPLOAD_LIMIT = 200 * 1000 * 1000;

/** Name of the run file in the package. */
export const RUN_FILE = "run.forksight.yaml";

/** Name of the folder in the package that a resumed run's folder is put back from. */
export const RESUMED = "resumed";

/** A date that the zip format has, so that the same files give the same package. */
const FIXED_DATE = new Date(2020, 0, 1);

/** Files of a run, by their names in the package. */
export interface JobFiles {
  /** Name in the package, with `/`, to absolute path here. */
  readonly uploaded: ReadonlyMap<string, string>;
  /** The settings with the paths that the job sees: relative ones are in the package. */
  readonly settings: RunSettings;
  /** Paths that must be there on the cluster: named in the settings, not uploaded. */
  readonly remote: readonly string[];
}

/**
 * Decides which of a run's files are uploaded. A path that is too large, or is not here, is the cluster's business where
 * it is absolute: all nodes see it, as on a shared disk.
 * @param settings with absolute paths
 * @param written the settings as the run file has them, for what is a path here and what a model's name
 * @throws Error that names the file, its size and what to do
 */
export async function planFiles(
  settings: RunSettings,
  written: RunSettings,
): Promise<JobFiles> {
  const uploaded = new Map<string, string>();
  const remote: string[] = [];
  let left = UPLOAD_LIMIT;
  const place = async (
    field: string,
    file: string,
    asWritten: string,
    name: string,
  ): Promise<string> => {
    const files = await filesOf(file);
    if (files === undefined) {
      if (field === "model" && readsLikeHubId(written)) return asWritten;
      if (path.isAbsolute(asWritten)) {
        remote.push(file);
        return file;
      }
      throw new Error(
        `${file} (${field}) is not there. For the engine ray it is a file here that is uploaded, or the absolute path of one that all nodes of the cluster see.`,
      );
    }
    const size = files.reduce((sum, one) => sum + one.bytes, 0);
    if (size > left) {
      if (path.isAbsolute(asWritten)) {
        remote.push(file);
        return file;
      }
      throw new Error(
        `${file} (${field}) has ${megabytes(size)}, and no more than ${megabytes(UPLOAD_LIMIT)} of a run's files are uploaded. Put it where all nodes of the cluster see it, and write that absolute path in the run file.`,
      );
    }
    left -= size;
    for (const one of files)
      uploaded.set(one.name === "" ? name : `${name}/${one.name}`, one.path);
    return name;
  };
  const { model, data, reward } = settings;
  const files = "files";
  const evals: Record<string, string> = {};
  for (const [set, file] of Object.entries(data.eval))
    evals[set] = await place(
      `data.eval.${set}`,
      file,
      written.data.eval[set]!,
      `${files}/eval/${set}.jsonl`,
    );
  const placed: RunSettings = {
    ...settings,
    data: {
      train: await place(
        "data.train",
        data.train,
        written.data.train,
        `${files}/train.jsonl`,
      ),
      eval: evals,
    },
    reward: {
      ...reward,
      ...(reward.file !== undefined && {
        file: await place(
          "reward.file",
          reward.file,
          written.reward.file!,
          `${files}/reward/${path.basename(reward.file)}`,
        ),
      }),
    },
    // Last, for it is the one that may be too large.
    model: await place(
      "model",
      model,
      written.model,
      `${files}/model/${path.basename(model)}`,
    ),
  };
  return { uploaded, settings: placed, remote };
}

/** A package for `JobsClient.uploadPackage`. */
export interface JobPackage {
  /** The zip, in pieces. */
  readonly pieces: readonly Uint8Array[];
  /** Of the content, in hexadecimal. */
  readonly hash: string;
}

/**
 * Files are stored as they are: weights do not shrink, and compressing them would keep the extension host from its work.
 * @param pythonSource folder that holds forksight_trl
 * @param resumed folder of a run that the job goes on with, with what of it is needed; undefined for a new one
 */
export async function packJob(
  { uploaded, settings }: JobFiles,
  pythonSource: string,
  resumed?: ReadonlyMap<string, string>,
): Promise<JobPackage> {
  const pieces: Uint8Array[] = [];
  const hash = createHash("sha256");
  let failure: Error | null = null;
  const zip = new Zip((error, piece) => {
    failure ??= error;
    pieces.push(piece);
    hash.update(piece);
  });
  const add = async (name: string, parts: Parts) => {
    const entry = new ZipPassThrough(name);
    entry.mtime = FIXED_DATE;
    zip.add(entry);
    for await (const part of inPieces(parts)) entry.push(part);
    entry.push(new Uint8Array(), true);
  };
  for (const one of (await filesOf(pythonSource)) ?? [])
    if (!/(^|\/)(__pycache__|[^/]*\.egg-info)\//.test(`${one.name}/`))
      await add(one.name, createReadStream(one.path));
  for (const [name, file] of uploaded) await add(name, createReadStream(file));
  for (const [name, file] of resumed ?? [])
    await add(`${RESUMED}/${name}`, createReadStream(file));
  // JSON is YAML.
  const text = JSON.stringify(settings, null, 2);
  await add(RUN_FILE, [new TextEncoder().encode(text)]);
  zip.end();
  if (failure !== null) throw failure as Error;
  return { pieces, hash: hash.digest("hex").slice(0, 40) };
}

/** A file's hash and size for run.json; of a folder or of what is not here, empty: the job says it. */
export async function hashed(file: string): Promise<HashedFile> {
  const unknown = { path: file, sha256: "", bytes: 0 };
  const found = await filesOf(file);
  if (
    found?.length !== 1 ||
    found[0]!.name !== "" ||
    found[0]!.bytes > UPLOAD_LIMIT
  )
    return unknown;
  return {
    path: file,
    sha256: await sha256(createReadStream(file)),
    bytes: found[0]!.bytes,
  };
}

async function sha256(parts: Parts): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of inPieces(parts)) hash.update(part);
  return hash.digest("hex");
}

type Parts = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** With a pause behind each, for the extension host shall answer meanwhile. */
async function* inPieces(parts: Parts): AsyncGenerator<Uint8Array> {
  for await (const part of parts) {
    yield part;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

interface Found {
  /** Relative to what was asked for, with `/`; empty for a file that was asked for itself. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

/** The regular files of a folder and of those in it, by name; of a file, itself; undefined where neither is there. */
async function filesOf(asked: string): Promise<Found[] | undefined> {
  const kind = await stat(asked).catch(() => undefined);
  if (kind === undefined) return undefined;
  if (!kind.isDirectory()) return [{ name: "", path: asked, bytes: kind.size }];
  const found: Found[] = [];
  for (const entry of await readdir(asked, {
    withFileTypes: true,
    recursive: true,
  })) {
    const at = path.join(entry.parentPath, entry.name);
    // Hugging Face's cache holds links to its files.
    const one = await stat(at);
    const name = path.relative(asked, at).split(path.sep).join("/");
    if (one.isFile()) found.push({ name, path: at, bytes: one.size });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6).toLocaleString("en")} MB`;
}
