import {
  type Fork,
  type ForkOrder,
  orderForks,
} from "../../core/annotation/forks";
import type { LiveTrace } from "./liveTrace";
import { shortened, visibleText } from "../../core/panels/visibleText";

/** A tree of more forks than this is cut into groups, so that none of its levels takes long to show. */
export const GROUP_SIZE = 250;

/** One entry of the view: a fork, or a group of neighbours in the chosen order. */
export type ForkRow = ForkLeaf | ForkGroup;

export interface ForkLeaf {
  readonly kind: "fork";
  readonly fork: Fork;
  readonly group: ForkGroup | undefined;
}

export interface ForkGroup {
  readonly kind: "group";
  /** Place of its first fork in the order, from 1. */
  readonly first: number;
  readonly leaves: readonly ForkLeaf[];
}

/** The forks of a trace as a list, or as groups where there are many. */
export function forkRows(
  forks: readonly Fork[],
  order: ForkOrder,
): readonly ForkRow[] {
  const ordered = order === "position" ? forks : orderForks(forks, order);
  if (ordered.length <= GROUP_SIZE) {
    return ordered.map((fork) => ({ kind: "fork", fork, group: undefined }));
  }
  const groups: ForkGroup[] = [];
  for (let at = 0; at < ordered.length; at += GROUP_SIZE) {
    const leaves: ForkLeaf[] = [];
    const group: ForkGroup = { kind: "group", first: at + 1, leaves };
    for (const fork of ordered.slice(at, at + GROUP_SIZE))
      leaves.push({ kind: "fork", fork, group });
    groups.push(group);
  }
  return groups;
}

/** The fork's token as one short line; white space within a word's token is left to the hover. */
export function forkLabel(live: LiveTrace, fork: Fork): string {
  const id = live.trace.ids[live.rowOf(fork.token)]!;
  const text = live.trace.pieces.get(id) ?? "";
  return text === "" ? `<token ${id}>` : atAGlance(text, 40);
}

/** What else the model might have written, most probable first: up to three. */
export function forkAlternatives(live: LiveTrace, fork: Fork): string {
  const { trace } = live;
  const row = live.rowOf(fork.token);
  const words: string[] = [];
  for (let k = 0; k < trace.topK && words.length < 3; k++) {
    const id = trace.topIds[row * trace.topK + k]!;
    if (id < 0 || id === trace.ids[row]) continue;
    words.push(atAGlance(trace.pieces.get(id) ?? "", 16));
  }
  return words.join("  ");
}

/** Without the space that most tokens start with; white space alone is shown. */
function atAGlance(text: string, limit: number): string {
  return shortened(visibleText(text.trim() || text), limit);
}
