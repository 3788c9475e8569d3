/** A place in a document as VS Code counts: both from 0, the character in UTF-16 code units. */
export interface LinePosition {
  readonly line: number;
  readonly character: number;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Where the lines of a text start, so that offsets become positions by binary search. `TextDocument.positionAt` does the
 * same, but validates and allocates for each call; a screenful of tokens is thousands of calls.
 */
export class LineIndex {
  /** UTF-16 offset of the first character of each line, ascending, shape [lines]. */
  private readonly starts: Uint32Array;

  /** @param text a document's whole text, its lines ended by `\n`, `\r\n` or `\r` */
  constructor(text: string) {
    this.length = text.length;
    let starts = new Uint32Array(Math.max(16, text.length >>> 5));
    let lines = 1;
    for (let i = 0; i < text.length;) {
      const unit = text.charCodeAt(i++);
      if (unit !== LINE_FEED && unit !== CARRIAGE_RETURN) continue;
      if (unit === CARRIAGE_RETURN && text.charCodeAt(i) === LINE_FEED) i++;
      if (lines === starts.length) {
        const grown = new Uint32Array(2 * lines);
        grown.set(starts);
        starts = grown;
      }
      starts[lines++] = i;
    }
    this.starts = starts.subarray(0, lines);
  }

  /** Length of the text in UTF-16 code units. */
  readonly length: number;

  get lineCount(): number {
    return this.starts.length;
  }

  /** The line that holds an offset; offsets outside the text are clipped to it. */
  lineAt(offset: number): number {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.starts[middle]! > offset) high = middle;
      else low = middle + 1;
    }
    return Math.max(0, low - 1);
  }

  positionAt(offset: number): LinePosition {
    const inside = Math.min(Math.max(0, offset), this.length);
    const line = this.lineAt(inside);
    return { line, character: inside - this.starts[line]! };
  }

  /** The offset of a position; a line beyond the last gives the text's length. */
  offsetAt(position: LinePosition): number {
    if (position.line >= this.starts.length) return this.length;
    return Math.min(
      this.starts[position.line]! + position.character,
      this.length,
    );
  }

  /** Offset of the first character of a line; the text's length behind the last line. */
  lineStart(line: number): number {
    return this.starts[line] ?? this.length;
  }
}
