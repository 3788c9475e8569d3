/** What runs and their folders are called. */

/** A run file's name without `.forksight.yaml`: what the run is called where it has no name of its own. */
export function runNameOf(runFile: string): string {
  const base = /[^/\\]*$/.exec(runFile)![0];
  return base.replace(/(\.forksight)?\.(ya?ml|json)$/i, "");
}

/** `<name>-20261126-040210`, UTC: a name for a run's folder that any file system takes. */
export function runFolderName(name: string, now: Date): string {
  const stamp = now
    .toISOString()
    .slice(0, 19)
    .replace(/[-:]/g, "")
    .replace("T", "-");
  return `${safeName(name)}-${stamp}`;
}

/** A run's or a comparison's name with nothing in it that a file system or a shell would mind. */
export function safeName(name: string): string {
  const safe = name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "");
  return safe.slice(0, 80) || "run";
}
