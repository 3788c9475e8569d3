import { open, readFile, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { isProcess } from "../../native/client/liveProcess";

const FILE = "ray.lock";

/** Milliseconds between signs of life. */
const RENEWED = 10_000;

/** A lock that shows no sign of life for so many milliseconds was left behind. */
const LEFT_BEHIND = 60_000;

/**
 * One window follows a run. Takes the folder for this process.
 * @returns gives it back; undefined where another process follows it
 */
export async function lockForFollowing(
  folder: string,
): Promise<(() => Promise<void>) | undefined> {
  const file = path.join(folder, FILE);
  const owner = JSON.stringify({ pid: process.pid, host: hostname() });
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const handle = await open(file, "wx");
      await handle.writeFile(owner);
      await handle.close();
      const timer = setInterval(() => {
        const now = new Date();
        utimes(file, now, now).catch(() => undefined);
      }, RENEWED);
      timer.unref();
      return async () => {
        clearInterval(timer);
        await rm(file, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (await isHeld(file)) return undefined;
      await rm(file, { force: true });
    }
  }
  return undefined;
}

async function isHeld(file: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(file);
    if (Date.now() - mtimeMs > LEFT_BEHIND) return false;
    const owner = JSON.parse(await readFile(file, "utf8")) as {
      pid: number;
      host: string;
    };
    return owner.host !== hostname() || isProcess(owner.pid);
  } catch (error) {
    // Not to be read is being written at this moment.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}
