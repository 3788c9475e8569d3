/** Writing that a kill at any instant cannot leave half done. */
import {
  closeSync,
  fsyncSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";

/**
 * Writes to a temporary name beside `path`, then renames.
 * @param durable wait until the content is on the disk, so that it survives a loss of power too
 */
export function replaceFile(
  path: string,
  content: string | Uint8Array,
  durable: boolean,
): void {
  const temporary = `${path}.new`;
  if (durable) writeDurably(temporary, content, "w");
  else writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/** Appends and waits until it is on the disk. */
export function appendDurably(path: string, content: string): void {
  writeDurably(path, content, "a");
}

/** Writes or appends and waits until it is on the disk. */
export function writeDurably(
  path: string,
  content: string | Uint8Array,
  flag: "w" | "a",
): void {
  const file = openSync(path, flag);
  try {
    const bytes =
      typeof content === "string" ? Buffer.from(content, "utf8") : content;
    let written = 0;
    while (written < bytes.length)
      written += writeSync(file, bytes, written, bytes.length - written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
