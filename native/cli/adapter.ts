/** `forksight adapter`: a PEFT folder to a GGUF adapter, or back. */
import { readdirSync, statSync } from "node:fs";
import { parseCommandLine } from "./parseCommandLine";
import { UsageError } from "./usageError";

export const ADAPTER_HELP = `forksight adapter: LoRA adapters from PEFT to GGUF and back

Usage: forksight adapter PEFT_FOLDER ADAPTER.gguf [--base MODEL] [--force]
       forksight adapter ADAPTER.gguf PEFT_FOLDER [--base MODEL] [--force]

  --base MODEL   the base model: its GGUF file or its Hugging Face folder. From PEFT to GGUF where adapter_config.json
                 names no folder of this machine; from GGUF to PEFT for llama, and to have it named in adapter_config.json
  --force        replace an adapter that is there already

Exit code: 0, 1 for an error in the input, 2 for wrong usage.
`;

export type AdapterCommand =
  | { readonly kind: "help" }
  | {
      readonly kind: "convert";
      readonly input: string;
      readonly output: string;
      readonly base: string | undefined;
      /** Whether an adapter at `output` may be replaced. */
      readonly force: boolean;
    };

/** @param args after `adapter`. @throws UsageError */
export function parseAdapterCommand(args: readonly string[]): AdapterCommand {
  const { values, positionals } = parsed(args);
  if (values.help) return { kind: "help" };
  const [input, output, ...more] = positionals;
  if (input === undefined || output === undefined || more.length > 0)
    throw new UsageError(
      "adapter takes two paths: what is converted, and what it becomes.",
    );
  const { base, force } = values;
  return { kind: "convert", input, output, base, force };
}

function parsed(args: readonly string[]) {
  return parseCommandLine(args, {
    base: { type: "string" },
    force: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  });
}

/** Runs the command in this process. @throws UsageError, and errors that name the file. @returns the text for stdout */
export async function adapterCommand(args: readonly string[]): Promise<string> {
  const command = parseAdapterCommand(args);
  if (command.kind === "help") return ADAPTER_HELP;
  const { input, output, base, force } = command;
  if (!force && isTaken(output))
    throw new Error(
      `${output} is there already. Name another, or add --force to replace it.`,
    );
  const { convertAdapter } = await import("../exchange/adapterFiles");
  const made = convertAdapter(input, output, base);
  return `${made.output}: ${made.pairs} LoRA pairs, from ${made.from}\n`;
}

/** Whether there is something at `path` beside an empty folder. */
function isTaken(path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined) return false;
  return !there.isDirectory() || readdirSync(path).length > 0;
}
