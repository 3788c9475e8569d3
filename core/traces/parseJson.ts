/** One record's bytes to a value, with an error that a person can act on. */

export type ParsedJson =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "error"; readonly message: string };

/**
 * Decodes UTF-8 and parses JSON. NaN and Infinity, which Python's json module writes, are read as null.
 * @param cutOff whether the bytes run to the end of the file, so that a record may still be in the writing
 */
export function parseJsonBytes(bytes: Uint8Array, cutOff: boolean): ParsedJson {
  if (bytes.includes(0)) {
    return error(
      "It holds NUL bytes: a binary file, one in UTF-16, or one that a crash left half written. Records are JSON in UTF-8.",
    );
  }
  let text: string;
  try {
    // A byte order mark at the start is dropped.
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const near = new TextDecoder("utf-8").decode(bytes).indexOf("\ufffd") + 1;
    return error(
      `It is not UTF-8 (near character ${near}): save the file in UTF-8.`,
    );
  }
  try {
    return { kind: "value", value: JSON.parse(text) as unknown };
  } catch (first) {
    const replaced = withoutNonFinite(text);
    if (replaced !== undefined) {
      try {
        return { kind: "value", value: JSON.parse(replaced) as unknown };
      } catch {
        // The first error speaks of the text as it stands.
      }
    }
    const reason = oneLine(first instanceof Error ? first.message : "");
    return error(
      cutOff
        ? `It is cut off or not JSON (${reason}): the file ends here, so it may still be in the writing.`
        : `It is not JSON (${reason}).`,
    );
  }
}

/** The text with NaN, Infinity and -Infinity outside of strings as null; undefined where there is none. */
function withoutNonFinite(text: string): string | undefined {
  if (!text.includes("NaN") && !text.includes("Infinity")) return undefined;
  const parts: string[] = [];
  let from = 0;
  let replaced = false;
  while (from < text.length) {
    const quote = text.indexOf('"', from);
    const outside = text.slice(from, quote < 0 ? text.length : quote);
    const clean = outside.replace(/-?\b(?:NaN|Infinity)\b/g, "null");
    replaced ||= clean !== outside;
    parts.push(clean);
    if (quote < 0) break;
    const close = endOfString(text, quote);
    parts.push(text.slice(quote, close));
    from = close;
  }
  return replaced ? parts.join("") : undefined;
}

/** Offset behind the closing quote of the string that opens at `quote`. */
function endOfString(text: string, quote: number): number {
  let at = quote + 1;
  while (at < text.length) {
    const character = text[at];
    if (character === '"') return at + 1;
    at += character === "\\" ? 2 : 1;
  }
  return text.length;
}

function error(message: string): ParsedJson {
  return { kind: "error", message };
}

/** V8 quotes the text around an error, line breaks and all. */
function oneLine(message: string): string {
  // Control characters of a broken file must not reach a terminal.
  // eslint-disable-next-line no-control-regex
  return message.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, " ").slice(0, 200);
}
