/** Ranges of tokens, UTF-16 offsets, shape [n] each. */
interface Ranges {
  readonly start: Uint32Array;
  readonly end: Uint32Array;
}

/** A text whose lines end in a line feed alone, and the way back to the text that it was made of. */
export interface UnixText {
  readonly text: string;
  /** UTF-16 code units of the original. */
  readonly originalLength: number;
  /** Ranges of `text` as ranges of the original: a line feed's range covers the carriage return in front of it. */
  original(ranges: Ranges): Ranges;
}

/**
 * Leaves out the carriage returns of CRLF line ends. Models are trained on line feeds: a carriage return would be a
 * surprise at every line's end, and would push the trace's own forks below the cut.
 */
export function withoutCarriageReturns(original: string): UnixText {
  const originalLength = original.length;
  if (!original.includes("\r\n")) {
    return { text: original, originalLength, original: (ranges) => ranges };
  }
  const text = original.replaceAll("\r\n", "\n");
  // shift[o]: carriage returns left out before offset o of `text`; the one of the line feed at o itself is not.
  const shift = new Uint32Array(text.length + 1);
  let left = 0;
  for (let at = 0; at < text.length; at++) {
    shift[at] = left;
    if (original[at + left] === "\r" && original[at + left + 1] === "\n") {
      left++;
    }
  }
  shift[text.length] = left;
  const back = (column: Uint32Array) =>
    column.map((offset) => offset + shift[offset]!);
  return {
    text,
    originalLength,
    original: ({ start, end }) => ({ start: back(start), end: back(end) }),
  };
}
