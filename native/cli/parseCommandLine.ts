import { parseArgs, type ParseArgsConfig } from "node:util";
import { UsageError } from "./usageError";

/** Options and positional arguments by `util.parseArgs`. @throws UsageError in one sentence */
export function parseCommandLine<
  const T extends NonNullable<ParseArgsConfig["options"]>,
>(args: readonly string[], options: T) {
  try {
    return parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    // parseArgs adds advice on how to pass a value that begins with a dash; the first sentence says it all.
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split(". ")[0] ?? message);
  }
}
