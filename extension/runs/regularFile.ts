/**
 * Files of folders that may come from anywhere. Opening a named pipe would hold, for as long as nobody writes to it, one of
 * the four threads by which all extensions reach the disk; a device would never end.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** run.json, status.json and the like are a few kilobytes; what has more bytes is not read. */
export const LARGEST_JSON = 4 << 20;

/**
 * Opens a file to read.
 * @throws Error with the system's code, or where this is no regular file
 */
export async function openRegular(file: string): Promise<FileHandle> {
  // Windows has neither the flag nor such pipes.
  const handle = await open(
    file,
    constants.O_RDONLY | (constants.O_NONBLOCK ?? 0),
  );
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new Error("this is not a file");
}

/**
 * Reads a text in UTF-8.
 * @param limit bytes that it may have
 * @throws Error with the system's code, or where this is no regular file or a larger one
 */
export async function readRegular(
  file: string,
  limit: number,
): Promise<string> {
  const handle = await openRegular(file);
  try {
    const { size } = await handle.stat();
    if (size > limit)
      throw new Error(`it has ${size} bytes, more than a run would write`);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}
