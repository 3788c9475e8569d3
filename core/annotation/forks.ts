/** The forking tokens of a trace as places to go to: in order, by entropy, next and previous. */
import type { Cut } from "./cut";
import type { ScoredTrace } from "./scoredTrace";
import { carrierOf } from "./tokenLookup";

/** One place where the model might have gone another way. */
export interface Fork {
  /** Index of the token in the trace's columns. */
  readonly token: number;
  /** UTF-16 offsets into the coloured text of what is shown for it; never empty. */
  readonly start: number;
  readonly end: number;
  /** nats */
  readonly entropy: number;
}

export type ForkOrder = "position" | "entropy";

/**
 * The forks of a trace in the order of the text. Forks that share one character (its bytes fell to several tokens) are
 * one place, with the highest entropy among them. Forks that stand for no text are left out: there is nothing to go to.
 */
export function listForks(
  scored: Pick<ScoredTrace, "start" | "end" | "entropy">,
  cut: Cut,
): Fork[] {
  const places: Fork[] = [];
  for (const token of cut.forks) {
    const carrier = carrierOf(scored, token);
    if (carrier === undefined) continue;
    const entropy = scored.entropy[token]!;
    const start = scored.start[carrier]!;
    const last = places.at(-1);
    if (last?.start === start) {
      if (entropy > last.entropy)
        places[places.length - 1] = { ...last, token, entropy };
      continue;
    }
    places.push({ token, start, end: scored.end[carrier]!, entropy });
  }
  return places;
}

/** A copy in the wished order; equal entropies stay in the order of the text. */
export function orderForks(forks: readonly Fork[], order: ForkOrder): Fork[] {
  const copy = [...forks];
  return order === "position"
    ? copy.sort((a, b) => a.start - b.start)
    : copy.sort((a, b) => b.entropy - a.entropy || a.start - b.start);
}

/**
 * The first fork that starts behind `offset`; the first of all where there is none behind and `wrap` is set.
 * @param forks in the order of the text
 * @param offset UTF-16 offset in the coloured text; may be negative or beyond it (a cursor before or after the response)
 */
export function nextFork(
  forks: readonly Fork[],
  offset: number,
  wrap = true,
): Fork | undefined {
  return forks[countUpTo(forks, offset)] ?? (wrap ? forks[0] : undefined);
}

/** The last fork that starts before `offset`; the last of all where there is none before and `wrap` is set. */
export function previousFork(
  forks: readonly Fork[],
  offset: number,
  wrap = true,
): Fork | undefined {
  return (
    forks[countUpTo(forks, offset - 1) - 1] ?? (wrap ? forks.at(-1) : undefined)
  );
}

/** Index of the fork that the cursor is at: the one that covers `offset`, else the nearest before it; -1 before the first. */
export function forkIndexAt(forks: readonly Fork[], offset: number): number {
  return countUpTo(forks, offset) - 1;
}

/** Number of forks that start at or before `offset`. */
function countUpTo(forks: readonly Fork[], offset: number): number {
  let low = 0;
  let high = forks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (forks[middle]!.start > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
