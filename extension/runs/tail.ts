import { openRegular } from "./regularFile";

/** Bytes that are read first; a line of metrics has about two thousand. */
const FIRST_READ = 1 << 16;

/**
 * The whole lines at the end of a file that grows, without what stands before them.
 * @param limit bytes; a last line longer than that is not found
 * @returns text that begins at a line's start and ends with a line break, or is empty
 * @throws where the file cannot be read
 */
export async function readTail(file: string, limit = 1 << 20): Promise<string> {
  const handle = await openRegular(file);
  try {
    const { size } = await handle.stat();
    for (let length = Math.min(FIRST_READ, limit); ; length *= 2) {
      const from = Math.max(0, size - length);
      const bytes = Buffer.alloc(size - from);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
      const lines = wholeLines(bytes.subarray(0, bytesRead), from === 0);
      if (lines.length > 0 || from === 0 || length >= limit)
        return lines.toString("utf8");
    }
  } finally {
    await handle.close();
  }
}

const LINE_FEED = 10;

function wholeLines(bytes: Buffer, atStart: boolean): Buffer {
  const end = bytes.lastIndexOf(LINE_FEED) + 1;
  const start = atStart ? 0 : bytes.indexOf(LINE_FEED) + 1;
  return bytes.subarray(start, Math.max(start, end));
}
