import { dirname } from "node:path";
import { isLive, type Run } from "./run";

/** A run in the view "Runs". */
export interface RunRow {
  readonly kind: "run";
  readonly run: Run;
  readonly parent?: GroupRow;
}

/** Runs that belong together: the arms of a comparison, or what somebody keeps in one folder. */
export interface GroupRow {
  readonly kind: "group";
  /** Absolute path. */
  readonly folder: string;
  readonly name: string;
  readonly rows: readonly RunRow[];
  /** Arms of a comparison that are still to be launched. */
  readonly waiting: readonly string[];
}

export type Row = RunRow | GroupRow;

/**
 * @param runs newest first; a group stands where its newest run would
 * @param waitingIn the arms that wait in a group's folder
 */
export function runRows(
  runs: readonly Run[],
  waitingIn: (folder: string) => readonly string[] = () => [],
): Row[] {
  const members = new Map<string, Run[]>();
  const order: (Run | string)[] = [];
  for (const run of runs) {
    if (run.group === undefined) {
      order.push(run);
      continue;
    }
    const folder = dirname(run.folder);
    const group = members.get(folder);
    if (group) group.push(run);
    else {
      members.set(folder, [run]);
      order.push(folder);
    }
  }
  return order.map((one) =>
    typeof one === "string"
      ? groupRow(one, members.get(one)!, waitingIn(one))
      : { kind: "run", run: one },
  );
}

function groupRow(
  folder: string,
  runs: readonly Run[],
  waiting: readonly string[],
): GroupRow {
  const rows: RunRow[] = [];
  const name = runs[0]!.group!;
  const group: GroupRow = { kind: "group", folder, name, rows, waiting };
  // Within a group the order is the one in which they were launched.
  for (const run of [...runs].reverse())
    rows.push({ kind: "run", run, parent: group });
  return group;
}

/** `1 of 2 done, 1 at work, waiting: bottom, random`. */
export function groupDescription({ rows, waiting }: GroupRow): string {
  const done = rows.filter(({ run }) => run.state === "done").length;
  const live = rows.filter(({ run }) => isLive(run)).length;
  return [
    `${done} of ${rows.length} done`,
    ...(live > 0 ? [`${live} at work`] : []),
    ...(waiting.length > 0 ? [`waiting: ${waiting.join(", ")}`] : []),
  ].join(", ");
}
