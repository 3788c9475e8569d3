/** `forksight import`: another trainer's run to a run folder. */
import { join } from "node:path";
import { parseCommandLine } from "./parseCommandLine";
import { UsageError } from "./usageError";

export const IMPORT_HELP = `forksight import: what other trainers wrote, as run folders of Forksight

Usage: forksight import PATH [--out FOLDER]

PATH is a file, or a folder that holds a run or several: trainer_state.json of transformers or TRL (with checkpoint-N and
completions/ beside it), TensorBoard event files, rollouts dumped by verl (N.jsonl) or TRL (JSON Lines or CSV). It is only
read. Importing it again replaces what was made of it before.

  --out FOLDER   where the run folders are made (default .forksight/runs/imported)
  --json         one JSON object on stdout: {imported: [{folder, steps, rollouts, checkpoints, notes}], failed: [{source, message}]}

Exit code: 0, 1 where nothing could be imported, 2 for wrong usage.
`;

export type ImportCommand =
  | { readonly kind: "help" }
  | {
      readonly kind: "import";
      readonly path: string;
      readonly out: string;
      readonly json: boolean;
    };

/** @param args after `import`. @throws UsageError */
export function parseImportCommand(args: readonly string[]): ImportCommand {
  const { values, positionals } = parsed(args);
  if (values.help) return { kind: "help" };
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0)
    throw new UsageError("import takes one path.");
  return { kind: "import", path, out: values.out, json: values.json };
}

function parsed(args: readonly string[]) {
  return parseCommandLine(args, {
    out: {
      type: "string",
      default: join(".forksight", "runs", "imported"),
    },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  });
}

/** Runs the command in this process. @throws UsageError, and errors that name the file. @returns the text for stdout */
export async function importCommand(
  args: readonly string[],
  version: string,
): Promise<string> {
  const command = parseImportCommand(args);
  if (command.kind === "help") return IMPORT_HELP;
  const { importRuns } = await import("../exchange/importRuns");
  const made = importRuns(command.path, command.out, version);
  if (command.json) return `${JSON.stringify(made)}\n`;
  const runs = made.imported.map(
    ({ folder, steps, rollouts, checkpoints, notes }) =>
      [
        `${folder}: ${steps} steps, ${rollouts} with rollouts, ${checkpoints} checkpoints with an adapter`,
        ...notes.map((note) => `  ${note}`),
      ].join("\n"),
  );
  const failures = made.failed.map(({ message }) => `not imported: ${message}`);
  return `${[...runs, ...failures].join("\n")}\n`;
}
