import { dirname } from "node:path";
import { tellApart } from "../../core/run/tellApart";
import { isLive, type Run } from "./run";

/** A run in the view "Runs". The row stays while its run's snapshots come and go: VS Code knows it by identity. */
export interface RunRow {
  readonly kind: "run";
  run: Run;
  /** What tells it from its neighbours of the same name; else empty. */
  beside: string;
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
  waiting: readonly string[];
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
  const alone = order.filter((one) => typeof one !== "string");
  const beside = tellApart(alone);
  return order.map((one) =>
    typeof one === "string"
      ? groupRow(one, members.get(one)!, waitingIn(one))
      : { kind: "run", run: one, beside: beside[alone.indexOf(one)]! },
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
  const ordered = [...runs].reverse();
  const beside = tellApart(ordered);
  ordered.forEach((run, i) =>
    rows.push({ kind: "run", run, beside: beside[i]!, parent: group }),
  );
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

/**
 * Brings the rows that are shown up to date. A row that is replaced while somebody clicks it would be lost to the click.
 * @returns those that changed; undefined, with nothing touched, where the fresh rows are others or in another order
 */
export function updateRows(
  shown: readonly Row[],
  fresh: readonly Row[],
): Row[] | undefined {
  const before = shown.flatMap(withMembers);
  const after = fresh.flatMap(withMembers);
  const same =
    before.length === after.length &&
    before.every((row, i) => identityOf(row) === identityOf(after[i]!));
  if (!same) return undefined;
  return before.filter((row, i) => update(row, after[i]!));
}

/** Whether anything changed that is shown. */
function update(row: Row, fresh: Row): boolean {
  if (row.kind === "run" && fresh.kind === "run") {
    const changed = row.run !== fresh.run || row.beside !== fresh.beside;
    row.run = fresh.run;
    row.beside = fresh.beside;
    return changed;
  }
  if (row.kind !== "group" || fresh.kind !== "group") return false;
  const before = groupDescription(row);
  // A group's row tells how far its runs are, and theirs are brought up to date after it.
  const changed = before !== groupDescription(fresh);
  row.waiting = fresh.waiting;
  return changed;
}

function withMembers(row: Row): Row[] {
  return row.kind === "group" ? [row, ...row.rows] : [row];
}

function identityOf(row: Row): string {
  return row.kind === "group"
    ? `group ${row.folder}`
    : `run ${row.run.folder} ${row.parent?.folder ?? ""}`;
}
