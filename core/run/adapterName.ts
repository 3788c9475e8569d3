const CHECKPOINT =
  /([^/\\]+)[/\\]checkpoints[/\\]step-(\d{1,9})[/\\]adapter\.gguf$/;

/** What Forksight puts behind a run's name in its folder's (`runFolderName`). */
const STAMP = /-\d{8}-\d{6}$/;

/** What an adapter is called: `top20 step 30` for a run's checkpoint, else the file's name. */
export function adapterName(file: string): string {
  const [, run, step] = CHECKPOINT.exec(file) ?? [];
  if (run !== undefined) return `${run.replace(STAMP, "")} step ${step}`;
  return file.replace(/^.*[/\\]/, "").replace(/\.gguf$/i, "");
}
