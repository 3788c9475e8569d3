import {
  type OffsetRange,
  shownRange,
} from "../../core/annotation/tokenLookup";
import type { LiveTrace } from "./liveTrace";

/**
 * The next place at which a token stands: the first that begins behind `offset`, else the first of all.
 * @param id the token's id in the vocabulary
 * @param offset UTF-16 offset in the region; may lie outside of it
 * @returns UTF-16 offsets in the region; undefined where the token stands nowhere (any more)
 */
export function nextPlaceOf(
  live: LiveTrace,
  id: number,
  offset: number,
): OffsetRange | undefined {
  const { columns, trace } = live;
  let first: OffsetRange | undefined;
  for (let i = 0; i < columns.start.length; i++) {
    if (trace.ids[live.rowOf(i)] !== id) continue;
    const place = shownRange(columns, i);
    if (place === undefined) continue;
    if (place.start > offset) return place;
    first ??= place;
  }
  return first;
}
