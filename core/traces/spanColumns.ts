/** The index of a records file: where each record lies, 20 bytes a record. */
import { lowerBound } from "../annotation/sortedSearch";
import type { LineSpan } from "./lineIndexer";

/** Spans in typed columns that grow. */
export class SpanColumns {
  count = 0;
  private lines = new Uint32Array(1024);
  private starts = new Float64Array(1024);
  private ends = new Float64Array(1024);

  add(spans: readonly LineSpan[]): void {
    for (const { line, start, end } of spans) {
      if (this.count === this.lines.length) this.grow();
      this.lines[this.count] = line;
      this.starts[this.count] = start;
      this.ends[this.count] = end;
      this.count++;
    }
  }

  get(i: number): LineSpan {
    return {
      line: this.lines[i]!,
      start: this.starts[i]!,
      end: this.ends[i]!,
    };
  }

  /** Number of spans that start in a line before `line`. */
  countBefore(line: number): number {
    return lowerBound(this.lines.subarray(0, this.count), line);
  }

  private grow(): void {
    const lines = new Uint32Array(2 * this.count);
    const starts = new Float64Array(2 * this.count);
    const ends = new Float64Array(2 * this.count);
    lines.set(this.lines);
    starts.set(this.starts);
    ends.set(this.ends);
    this.lines = lines;
    this.starts = starts;
    this.ends = ends;
  }
}
