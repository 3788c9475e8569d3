import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { GgufError } from "../../../core/gguf/cursor";
import { parseGgufHeader, type GgufHeader } from "../../../core/gguf/header";

/**
 * Reads the header of a GGUF file.
 * @throws GgufError that says what is wrong; the system's own error where the file cannot be opened
 */
export function readGgufHeader(path: string): GgufHeader {
  const descriptor = openSync(path, "r");
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) {
      throw new GgufError("it is not a file");
    }
    return parseGgufHeader({
      size: stat.size,
      read: (position, length) => readAt(descriptor, position, length),
    });
  } finally {
    closeSync(descriptor);
  }
}

function readAt(
  descriptor: number,
  position: number,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const read = readSync(
      descriptor,
      bytes,
      filled,
      length - filled,
      position + filled,
    );
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}
