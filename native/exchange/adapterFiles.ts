/** Adapters on disk: a PEFT folder becomes a GGUF file, a GGUF file a PEFT folder. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
} from "node:fs";
import { join, resolve } from "node:path";
import {
  type BaseModel,
  baseOfConfig,
  baseOfGguf,
  hubIdOf,
} from "../../core/exchange/architecture";
import { ggufToPeft, peftToGguf } from "../../core/exchange/convertAdapter";
import { FormatError } from "../../core/exchange/formatError";
import {
  readGgufAdapter,
  writeGgufAdapter,
} from "../../core/exchange/ggufAdapter";
import { PEFT_FOLDER, readPeft, writePeft } from "../../core/exchange/peft";
import { GgufError } from "../../core/gguf/cursor";
import { readGgufHeader } from "../engine/gguf/header";
import { replaceFile } from "../trainer/writeFile";

/** What was made, for a line to a person. */
export interface Converted {
  readonly from: "PEFT" | "GGUF";
  /** Absolute: the GGUF file, or the PEFT folder. */
  readonly output: string;
  /** LoRA pairs, one a projection and layer. */
  readonly pairs: number;
}

/** Node reads no more into one buffer; adapters are megabytes. */
const LARGEST = 2 ** 31 - 1;

/**
 * Converts by what `input` is: a folder with a PEFT adapter (or with one such folder in it), or a GGUF adapter.
 * @param base the base model's GGUF file or Hugging Face folder. A PEFT folder may name it itself, and a GGUF adapter
 * needs it for llama alone
 * @throws Error that names the file and what is wrong
 */
export function convertAdapter(
  input: string,
  output: string,
  base: string | undefined,
): Converted {
  if (!existsSync(input)) throw new Error(`There is no ${input}.`);
  return statSync(input).isDirectory()
    ? fromPeft(input, output, base)
    : fromGguf(input, output, base);
}

function fromPeft(
  input: string,
  output: string,
  base: string | undefined,
): Converted {
  const folder = peftFolderIn(input);
  if (folder === undefined)
    throw new Error(
      `${input} holds no PEFT adapter: ${PEFT_FOLDER.config} and ${PEFT_FOLDER.weights} are expected there.`,
    );
  if (!/\.gguf$/i.test(output))
    throw new Error(
      `A PEFT adapter becomes a GGUF file: name one that ends in .gguf, not ${output}.`,
    );
  const weights = join(folder, PEFT_FOLDER.weights);
  const peft = naming(weights, () =>
    readPeft(
      readFileSync(join(folder, PEFT_FOLDER.config), "utf8"),
      readWhole(weights),
    ),
  );
  const model = base ?? peft.baseModel;
  const known = model === undefined ? undefined : describeBase(model);
  if (known === undefined)
    throw new Error(
      `The base model of ${folder} is ${model === undefined ? "not named" : `"${model}", which is not on this machine`}. Name its GGUF file or its Hugging Face folder (--base).`,
    );
  const adapter = naming(weights, () => peftToGguf(peft, known.base));
  replaceFile(output, writeGgufAdapter(adapter), true);
  return {
    from: "PEFT",
    output: resolve(output),
    pairs: adapter.pairs.length,
  };
}

function fromGguf(
  input: string,
  output: string,
  base: string | undefined,
): Converted {
  const adapter = naming(input, () => readGgufAdapter(readWhole(input)));
  const known = base === undefined ? undefined : describeBase(base);
  if (base !== undefined && known === undefined)
    throw new Error(
      `The base model ${base} is neither a GGUF file nor a Hugging Face folder.`,
    );
  const { architecture } = known?.base ?? adapter;
  if (architecture !== adapter.architecture)
    throw new Error(
      `${input} is an adapter for ${adapter.architecture}, and ${base} is of the architecture ${architecture}.`,
    );
  const pairs = naming(input, () =>
    ggufToPeft(adapter, known?.base ?? { architecture }),
  );
  checkPlace(output);
  const { config, weights } = writePeft(known?.name, adapter.alpha, pairs);
  mkdirSync(output, { recursive: true });
  // The configuration last: a folder without it is no adapter to any reader.
  replaceFile(join(output, PEFT_FOLDER.weights), weights, true);
  replaceFile(join(output, PEFT_FOLDER.config), config, true);
  return { from: "GGUF", output: resolve(output), pairs: pairs.length };
}

/** The PEFT folder that `folder` is, or that is the one in it; undefined where there is none. */
export function peftFolderIn(folder: string): string | undefined {
  const holds = (at: string) =>
    existsSync(join(at, PEFT_FOLDER.config)) &&
    existsSync(join(at, PEFT_FOLDER.weights));
  if (holds(folder)) return folder;
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name))
    .find(holds);
}

/** @returns undefined where `path` is no model on this machine */
function describeBase(
  path: string,
): { base: BaseModel; name: string } | undefined {
  if (!existsSync(path)) return undefined;
  if (statSync(path).isDirectory()) {
    const config = join(path, "config.json");
    if (!existsSync(config)) return undefined;
    const json = naming(config, () =>
      parseObject(readFileSync(config, "utf8")),
    );
    return {
      base: naming(config, () => baseOfConfig(json)),
      name: resolve(path),
    };
  }
  return naming(path, () => {
    const header = readGgufHeader(path);
    return { base: baseOfGguf(header), name: hubIdOf(header) ?? resolve(path) };
  });
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === "object" && json !== null)
      return json as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new FormatError("it is no JSON object");
}

/** Never writes among files that are somebody's own. */
function checkPlace(folder: string): void {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory())
    throw new Error(
      `A GGUF adapter becomes a PEFT folder, and ${folder} is a file: name a new folder.`,
    );
  const ours: readonly string[] = Object.values(PEFT_FOLDER);
  const stranger = readdirSync(folder).find((name) => !ours.includes(name));
  if (stranger !== undefined)
    throw new Error(
      `${folder} is not empty (${stranger}): name a new folder for the PEFT adapter.`,
    );
}

function readWhole(path: string): Uint8Array {
  const { size } = statSync(path);
  if (size > LARGEST)
    throw new FormatError(
      `it has ${size} bytes, and adapters of at most 2 GB can be converted`,
    );
  return readFileSync(path);
}

/** What is wrong with a file, under its name. */
function naming<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof FormatError || error instanceof GgufError)
      throw new Error(`${path} cannot be converted: ${error.message}.`);
    throw error;
  }
}
