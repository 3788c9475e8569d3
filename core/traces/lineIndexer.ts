/** Where the lines of a file lie, found over chunks of bytes as they come. */

/** One line with something on it. Bytes from the start of the file. */
export interface LineSpan {
  /** Source line, from 1; blank lines are counted but yield no span. */
  readonly line: number;
  readonly start: number;
  /** Behind the line's last byte, without its line ending (LF or CR LF). */
  readonly end: number;
}

const LF = 0x0a;
const CR = 0x0d;

/**
 * Yields the non-blank lines of a byte stream. Chunks may end anywhere: within a line, a character, or a CR LF.
 * Keeps nothing of the bytes, so a file of any size can be indexed.
 */
export class LineIndexer {
  private position = 0;
  private line = 1;
  private lineStart = 0;
  private blank = true;
  private lastByte = -1;

  /** Takes the next chunk and returns the lines that ended in it. */
  push(chunk: Uint8Array): LineSpan[] {
    const spans: LineSpan[] = [];
    let from = 0;
    while (from < chunk.length) {
      const at = chunk.indexOf(LF, from);
      const to = at < 0 ? chunk.length : at;
      this.look(chunk, from, to);
      if (at < 0) break;
      this.endLine(this.position + at, spans);
      this.lineStart = this.position + at + 1;
      from = at + 1;
    }
    this.position += chunk.length;
    return spans;
  }

  /** The last line, where the file does not end with a line break. */
  finish(): LineSpan[] {
    const spans: LineSpan[] = [];
    if (this.position > this.lineStart) this.endLine(this.position, spans);
    return spans;
  }

  private look(chunk: Uint8Array, from: number, to: number): void {
    if (to > from) this.lastByte = chunk[to - 1]!;
    for (let i = from; this.blank && i < to; i++) {
      if (!isBlankByte(chunk[i]!)) this.blank = false;
    }
  }

  private endLine(end: number, spans: LineSpan[]): void {
    if (!this.blank) {
      const trimmed = this.lastByte === CR ? end - 1 : end;
      spans.push({ line: this.line, start: this.lineStart, end: trimmed });
    }
    this.line++;
    this.blank = true;
    this.lastByte = -1;
  }
}

/** Space, tab, CR, and the bytes of a byte order mark (which alone make no line). */
function isBlankByte(byte: number): boolean {
  return (
    byte === 0x20 ||
    byte === 0x09 ||
    byte === CR ||
    byte === 0xef ||
    byte === 0xbb ||
    byte === 0xbf
  );
}
