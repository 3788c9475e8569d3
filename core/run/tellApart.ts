/** Runs of one name: what tells them apart. */

interface NamedRun {
  /** Absolute path. */
  readonly folder: string;
  readonly name: string;
  /** Empty or undefined for a run by itself. */
  readonly group?: string | undefined;
}

/**
 * For each run what tells it from the others of its name: its group, else its folder's name, else its folder.
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
    return (telling ?? folderOf)(run);
  });
}

const folderOf = ({ folder }: NamedRun) => folder;

const MARKS: readonly ((run: NamedRun) => string)[] = [
  ({ group = "" }) => group,
  ({ folder }) => folder.split(/[\\/]/).at(-1)!,
];
