/** A comparison's waiting list: a file that outlives the window. No VS Code here. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import {
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isProcess } from "../../native/client/liveProcess";
import { isLive, type Run } from "../runs/run";

const comparison = z.object({
  format: z.literal(1),
  /** The group folder, absolute: its arms' run folders are `folder/<arm>`. */
  folder: z.string(),
  /** What the run file calls the run. */
  name: z.string(),
  /** The settings of all arms, in the group folder. */
  runFile: z.string(),
  /** All arms, in the order of launching. */
  arms: z.array(z.enum(["all", "top", "bottom", "random"])),
  /** Those that are still to be launched. */
  waiting: z.array(z.enum(["all", "top", "bottom", "random"])),
  /** Whether an arm waits until those before it are done. */
  inTurn: z.boolean(),
  /** Whether the user let the run file's own reward run. */
  trustRewards: z.boolean(),
  /** Why the next arm could not be launched; it is not tried again until the user says so. */
  held: z.string().optional(),
});

export type Comparison = Readonly<z.infer<typeof comparison>>;

/** Milliseconds after which a lock that names no process is nobody's. */
const UNSIGNED_LIMIT = 10_000;

/** Absolute path of an arm's run folder. */
export function armFolder({ folder }: Comparison, arm: string): string {
  return join(folder, arm);
}

/** What is to be done about a comparison. */
export type Step =
  | { readonly kind: "launch"; readonly arm: Comparison["waiting"][number] }
  | { readonly kind: "wait" }
  /** An arm before the next one was stopped, was interrupted or has failed; it may yet be resumed. */
  | { readonly kind: "blocked"; readonly by: Run }
  /** No arm waits. */
  | { readonly kind: "over" };

/** @param runAt the run in a folder, undefined where there is none (an arm that was deleted holds up nothing) */
export function nextStep(
  queue: Comparison,
  runAt: (folder: string) => Run | undefined,
): Step {
  const [next] = queue.waiting;
  if (next === undefined) return { kind: "over" };
  if (queue.held !== undefined) return { kind: "wait" };
  if (!queue.inTurn) return { kind: "launch", arm: next };
  const before = queue.arms
    .filter((arm) => !queue.waiting.includes(arm))
    .map((arm) => runAt(armFolder(queue, arm)))
    .filter((run) => run !== undefined);
  if (before.some(isLive)) return { kind: "wait" };
  const short = before.find(({ state }) => state !== "done");
  return short ? { kind: "blocked", by: short } : { kind: "launch", arm: next };
}

/** The next arm no longer waits for those before it that are not done. */
export function unblocked(
  queue: Comparison,
  runAt: (folder: string) => Run | undefined,
): Comparison {
  const arms = queue.arms.filter(
    (arm) =>
      queue.waiting.includes(arm) ||
      runAt(armFolder(queue, arm))?.state === "done",
  );
  return { ...queue, arms, held: undefined };
}

/**
 * The waiting lists of this user on this machine. They are not kept in the workspace, so that a folder that comes from
 * elsewhere launches nothing by itself.
 */
export class ComparisonFiles {
  /** @param place absolute path of a folder, made when needed */
  constructor(private readonly place: string) {}

  /** All of them; what cannot be read is left out. */
  async all(): Promise<Comparison[]> {
    const names = await readdir(this.place).catch(() => []);
    const read = await Promise.all(
      names
        .filter((name) => name.endsWith(".json"))
        .map((name) => readComparison(join(this.place, name))),
    );
    return read.filter((one) => one !== undefined);
  }

  /** As it is on disk now. */
  get(folder: string): Promise<Comparison | undefined> {
    return readComparison(this.fileOf(folder));
  }

  /** Writes it anew, or removes it where no arm waits. */
  async put(queue: Comparison): Promise<void> {
    const file = this.fileOf(queue.folder);
    if (queue.waiting.length === 0) return rm(file, { force: true });
    await mkdir(this.place, { recursive: true });
    const pending = `${file}.${process.pid}.new`;
    await writeFile(pending, JSON.stringify(queue, undefined, 2));
    await rename(pending, file);
  }

  /**
   * Does something while no other window does it for the same comparison.
   * @returns false where another window is at it
   */
  async exclusively(
    folder: string,
    work: () => Promise<void>,
  ): Promise<boolean> {
    await mkdir(this.place, { recursive: true });
    const lock = this.fileOf(folder).replace(/json$/, "lock");
    if (!(await take(lock))) return false;
    try {
      await work();
    } finally {
      await rm(lock, { force: true });
    }
    return true;
  }

  private fileOf(folder: string): string {
    const hash = createHash("sha256").update(folder).digest("hex");
    return join(this.place, `${hash.slice(0, 16)}.json`);
  }
}

async function readComparison(file: string): Promise<Comparison | undefined> {
  try {
    const json: unknown = JSON.parse(await readFile(file, "utf8"));
    const read = comparison.safeParse(json);
    // A group folder that was deleted or moved takes its waiting arms with it.
    return read.success && existsSync(read.data.folder) ? read.data : undefined;
  } catch {
    return undefined;
  }
}

async function isHeld(lock: string): Promise<boolean> {
  try {
    const owner = Number(await readFile(lock, "utf8"));
    if (owner > 0) return isProcess(owner);
    // Its owner is about to write its id, unless it died before it could.
    return Date.now() - (await stat(lock)).mtimeMs < UNSIGNED_LIMIT;
  } catch {
    return false;
  }
}

/** A lock of a process that is gone is broken. */
async function take(lock: string): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(lock, "wx");
      await file.writeFile(String(process.pid));
      await file.close();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (await isHeld(lock)) return false;
      await rm(lock, { force: true });
    }
  }
  return false;
}
