const HEX = 16;

/**
 * The text of a token's bytes, for people: whole UTF-8 characters as they are, and every byte that belongs to none as
 * `<0xF0>`. Nothing is lost: a token that is half an emoji shows its bytes instead of U+FFFD.
 */
export function pieceText(bytes: Uint8Array): string {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const width = wholeCharacter(bytes, at);
    if (width === 0) {
      text += `<0x${(bytes[at] ?? 0).toString(HEX).toUpperCase().padStart(2, "0")}>`;
      at += 1;
    } else {
      text += decoder.decode(bytes.subarray(at, at + width));
      at += width;
    }
  }
  return text;
}

// ignoreBOM keeps a byte order mark that stands in the text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes of the well-formed character at `at`, or 0 where none begins there (Unicode 16, table 3-7). */
function wholeCharacter(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) {
    return 1;
  }
  const second = bytes[at + 1] ?? 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    return isContinuation(second) ? 2 : 0;
  }
  if (lead >= 0xe0 && lead <= 0xef) {
    const low = lead === 0xe0 ? 0xa0 : 0x80;
    const high = lead === 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high && isContinuation(bytes[at + 2] ?? 0)
      ? 3
      : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const low = lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xf4 ? 0x8f : 0xbf;
    return second >= low &&
      second <= high &&
      isContinuation(bytes[at + 2] ?? 0) &&
      isContinuation(bytes[at + 3] ?? 0)
      ? 4
      : 0;
  }
  return 0;
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf;
}
