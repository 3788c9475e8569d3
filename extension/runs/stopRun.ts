import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RUN_FOLDER } from "../../core/run/folder";
import type { Engines } from "../engines/engines";
import type { Run } from "./run";

/** Asks a trainer to save and stop; one that is no engine of ours, by the file that every trainer heeds. */
export async function stopRun(engines: Engines, run: Run): Promise<void> {
  const engine = engines.get(run.description?.engine ?? "");
  if (engine) await engine.stop(run.folder);
  else await writeFile(join(run.folder, RUN_FOLDER.stop), "");
}
