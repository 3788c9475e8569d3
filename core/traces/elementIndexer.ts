/** Where the records of a JSON file lie: the elements of its array, found over chunks of bytes as they come. */
import type { LineSpan } from "./lineIndexer";

/** Names under which an object holds its records. */
export const RECORD_ARRAYS = [
  "data",
  "records",
  "rollouts",
  "samples",
  "results",
  "examples",
];

const LONGEST_NAME = Math.max(...RECORD_ARRAYS.map((name) => name.length));

const BYTE = {
  lf: 0x0a,
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openArray: 0x5b,
  backslash: 0x5c,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

/**
 * Yields a span for each element of a top-level array, or of the array under one of `RECORD_ARRAYS` in a top-level
 * object. Only nesting and strings are followed; whether an element is JSON is found out when it is read.
 * Chunks may end anywhere, and nothing of them is kept.
 */
export class ElementIndexer {
  private position = 0;
  private line = 1;
  private depth = 0;
  private inString = false;
  private escaped = false;
  /** Depth of the array whose elements are the records; 0 until it is found. */
  private target = 0;
  private targetDone = false;
  private element: { line: number; start: number } | undefined;
  /** Behind the last byte so far that is no white space. */
  private contentEnd = 0;
  private first: { line: number; start: number } | undefined;
  /** The string read last at depth 1 of an object, as far as it can be a name we know. */
  private name: number[] = [];
  private key = "";

  /** Takes the next chunk and returns the elements that ended in it. */
  push(chunk: Uint8Array): LineSpan[] {
    const spans: LineSpan[] = [];
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (byte === BYTE.lf) this.line++;
      if (this.inString) this.takeInString(byte);
      else if (byte > 0x20) this.takeOutside(byte, this.position + i, spans);
      if (byte > 0x20) this.contentEnd = this.position + i + 1;
    }
    this.position += chunk.length;
    return spans;
  }

  /**
   * What is left at the end of the file: an element that was cut off, or, where there is no array of records at all,
   * the whole file as one record.
   */
  finish(): { readonly spans: LineSpan[]; readonly problem?: string } {
    const spans: LineSpan[] = [];
    if (this.target === 0) {
      if (this.first) spans.push({ ...this.first, end: this.contentEnd });
      return { spans };
    }
    if (this.element) spans.push({ ...this.element, end: this.contentEnd });
    if (this.depth === 0 && !this.inString) return { spans };
    return {
      spans,
      problem: `The file ends within its array of records, in line ${this.line}: it is cut off or still being written. The complete records before that are open.`,
    };
  }

  private takeInString(byte: number): void {
    if (this.escaped) this.escaped = false;
    else if (byte === BYTE.backslash) this.escaped = true;
    else if (byte === BYTE.quote) this.inString = false;
    else if (this.depth === 1 && this.name.length <= LONGEST_NAME)
      this.name.push(byte);
  }

  private takeOutside(byte: number, at: number, spans: LineSpan[]): void {
    // A byte order mark stands before everything else.
    if (this.first === undefined && at < 3 && byte >= 0x80) return;
    this.first ??= { line: this.line, start: at };
    const inTarget =
      this.target > 0 && !this.targetDone && this.depth === this.target;
    if (inTarget && (byte === BYTE.comma || byte === BYTE.closeArray)) {
      if (this.element) spans.push({ ...this.element, end: this.contentEnd });
      this.element = undefined;
    } else if (inTarget) this.element ??= { line: this.line, start: at };
    switch (byte) {
      case BYTE.quote:
        this.inString = true;
        this.name = [];
        break;
      case BYTE.colon:
        if (this.depth === 1) this.key = String.fromCharCode(...this.name);
        break;
      case BYTE.openArray:
        if (this.opensRecords()) this.target = this.depth + 1;
        this.depth++;
        break;
      case BYTE.openObject:
        this.depth++;
        break;
      case BYTE.closeArray:
      case BYTE.closeObject:
        this.depth--;
        if (this.depth < this.target) this.targetDone = true;
        break;
    }
  }

  private opensRecords(): boolean {
    if (this.target > 0) return false;
    if (this.depth === 0) return true;
    return this.depth === 1 && RECORD_ARRAYS.includes(this.key);
  }
}
