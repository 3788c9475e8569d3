/** Runs of one name: what tells them apart. */

interface NamedRun {
  /** Absolute path. */
  readonly folder: string;
  readonly name: string;
  /** Empty or undefined for a run by itself. */
  readonly group?: string | undefined;
}

/**
 * For each run what tells it from the others of its name: its group, else its folder's name, else its folder; without a long
 * beginning that all of them share, which would be all that a narrow place shows.
 * @returns "" for a run whose name is its own
 */
export function tellApart(runs: readonly NamedRun[]): string[] {
  const byName = new Map<string, NamedRun[]>();
  for (const run of runs)
    byName.set(run.name, [...(byName.get(run.name) ?? []), run]);
  return runs.map((run) => {
    const others = byName.get(run.name)!.filter((one) => one !== run);
    if (others.length === 0) return "";
    const telling = MARKS.find(
      (mark) => mark(run) && others.every((one) => mark(one) !== mark(run)),
    );
    const mark = telling ?? folderOf;
    return withoutShared(mark(run), others.map(mark));
  });
}

const folderOf = ({ folder }: NamedRun) => folder;

const MARKS: readonly ((run: NamedRun) => string)[] = [
  ({ group = "" }) => group,
  ({ folder }) => folder.split(/[\\/]/).at(-1)!,
];

/** Beginnings up to this length are left as they are, in characters. */
const SHORT = 8;

function withoutShared(mark: string, others: readonly string[]): string {
  let shared = 0;
  while (
    shared < mark.length &&
    others.every((one) => one[shared] === mark[shared])
  )
    shared += 1;
  const cut = mark.slice(0, shared).lastIndexOf("-") + 1;
  return cut > SHORT ? `\u2026${mark.slice(cut)}` : mark;
}
