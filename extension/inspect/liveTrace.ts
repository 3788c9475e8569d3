import { type Cut, type CutRule, cutTrace } from "../../core/annotation/cut";
import { type Fork, listForks } from "../../core/annotation/forks";
import type { ScoredTrace } from "../../core/annotation/scoredTrace";
import type { OffsetRange } from "../../core/annotation/tokenLookup";

/** One change of a document's text: `removed` code units at `offset` gave way to `inserted` new ones. */
export interface TextEdit {
  /** UTF-16 offset in the document. */
  readonly offset: number;
  readonly removed: number;
  readonly inserted: number;
}

/** The columns that painting and lookups read; offsets are relative to the region's start. */
export interface LiveColumns {
  readonly start: Uint32Array;
  readonly end: Uint32Array;
  /** nats, NaN where there is none */
  readonly entropy: Float32Array;
  /** Length of the region's text in UTF-16 code units. */
  readonly textLength: number;
}

/**
 * A scored trace on a document that goes on being edited. The scores stay as they were measured, their places move
 * with the text: tokens before an edit stay, tokens behind it shift, tokens that it touches are gone until the text is
 * scored again. So a colour never stands on a character that it does not belong to.
 *
 * Immutable: an edit gives a new one.
 */
export class LiveTrace {
  private places: readonly Fork[] | undefined;

  private constructor(
    /** As it was scored. */
    readonly trace: ScoredTrace,
    /** The part of the document that is coloured, in UTF-16 offsets of the document as it is now. */
    readonly region: OffsetRange,
    readonly columns: LiveColumns,
    /** Indices into the trace's columns of the tokens that are left, shape [left]; undefined while all are. */
    private readonly rows: Uint32Array | undefined,
    /** The cut over all tokens that were scored, its flags and indices over those that are left. */
    readonly cut: Cut,
    /** Whether the region's text is still the one that was scored. */
    readonly isFresh: boolean,
  ) {}

  /**
   * @param regionStart UTF-16 offset in the document at which the scored text stands
   * @throws RangeError where the rule is none (core/annotation/cut)
   */
  static of(trace: ScoredTrace, regionStart: number, rule: CutRule): LiveTrace {
    const { start, end, entropy, textLength } = trace;
    return new LiveTrace(
      trace,
      { start: regionStart, end: regionStart + textLength },
      { start, end, entropy, textLength },
      undefined,
      cutTrace(entropy, rule),
      true,
    );
  }

  /** The same tokens under another cut. */
  withCut(rule: CutRule): LiveTrace {
    const whole = cutTrace(this.trace.entropy, rule);
    return new LiveTrace(
      this.trace,
      this.region,
      this.columns,
      this.rows,
      this.rows === undefined ? whole : cutOfRows(whole, this.rows),
      this.isFresh,
    );
  }

  /** The forks as places in the region, in the order of the text. */
  get forks(): readonly Fork[] {
    this.places ??= listForks(this.columns, this.cut);
    return this.places;
  }

  /** Index into the trace's columns of the token at a live index. */
  rowOf(index: number): number {
    return this.rows === undefined ? index : this.rows[index]!;
  }

  /**
   * The trace after an edit of the document.
   * @param growsAtEdges whether text inserted exactly at the region's edges belongs to it (a whole document's does)
   */
  afterEdit(edit: TextEdit, growsAtEdges: boolean): LiveTrace {
    const { region } = this;
    const editEnd = edit.offset + edit.removed;
    const delta = edit.inserted - edit.removed;
    const before = growsAtEdges
      ? editEnd < region.start
      : editEnd <= region.start;
    if (before) {
      return this.movedTo(region.start + delta, region.end + delta);
    }
    const behind = growsAtEdges
      ? edit.offset > region.end
      : edit.offset >= region.end;
    if (behind) return this;
    // What the edit changes of the region, in offsets relative to the region's start.
    const from = Math.max(edit.offset, region.start) - region.start;
    const to = Math.min(editEnd, region.end) - region.start;
    // Text put in place of the region's head stands before it unless the edit lies within.
    const inside = edit.offset >= region.start || growsAtEdges;
    const inserted = inside ? edit.inserted : 0;
    const regionStart = inside
      ? Math.min(region.start, edit.offset)
      : edit.offset + edit.inserted;
    return this.replaced(from, to, inserted, regionStart);
  }

  private movedTo(start: number, end: number): LiveTrace {
    return new LiveTrace(
      this.trace,
      { start, end },
      this.columns,
      this.rows,
      this.cut,
      // The text in front conditions a selection; its own text is what it was.
      this.isFresh,
    );
  }

  private replaced(
    from: number,
    to: number,
    inserted: number,
    regionStart: number,
  ): LiveTrace {
    const delta = inserted - (to - from);
    const { start, end, entropy, textLength } = this.columns;
    const { first, last } = touched(this.columns, from, to);
    const left = start.length - (last - first);
    const live = {
      start: new Uint32Array(left),
      end: new Uint32Array(left),
      entropy: new Float32Array(left),
      textLength: textLength + delta,
    };
    const rows = new Uint32Array(left);
    for (let i = 0, o = 0; i < start.length; i++) {
      if (i >= first && i < last) continue;
      const shift = i >= last ? delta : 0;
      live.start[o] = start[i]! + shift;
      live.end[o] = end[i]! + shift;
      live.entropy[o] = entropy[i]!;
      rows[o] = this.rowOf(i);
      o++;
    }
    const isFork = new Uint8Array(left);
    isFork.set(this.cut.isFork.subarray(0, first));
    isFork.set(this.cut.isFork.subarray(last), first);
    return new LiveTrace(
      this.trace,
      { start: regionStart, end: regionStart + live.textLength },
      live,
      rows,
      { ...this.cut, isFork, forks: indicesOfOnes(isFork) },
      false,
    );
  }
}

/** The live indices [first, last) whose characters an edit of [from, to) changes, with the empty tokens that continue them. */
function touched(
  { start, end }: LiveColumns,
  from: number,
  to: number,
): { readonly first: number; readonly last: number } {
  let first = 0;
  while (first < start.length && end[first]! <= from) first++;
  let last = first;
  while (
    last < start.length &&
    (start[last]! < to || (end[last] === start[last] && last > first))
  ) {
    last++;
  }
  return { first, last };
}

function cutOfRows(whole: Cut, rows: Uint32Array): Cut {
  const isFork = Uint8Array.from(rows, (row) => whole.isFork[row]!);
  return { ...whole, isFork, forks: indicesOfOnes(isFork) };
}

function indicesOfOnes(flags: Uint8Array): Uint32Array {
  const found: number[] = [];
  flags.forEach((flag, i) => {
    if (flag === 1) found.push(i);
  });
  return Uint32Array.from(found);
}
