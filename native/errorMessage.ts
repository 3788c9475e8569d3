/** What an operating system's error about a file means for a person. `%` is the path. */
const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: "there is no %",
  ENOTDIR: "% cannot be there: a part of the path is a file, not a folder",
  EISDIR: "% is a folder, not a file",
  EACCES: "% may not be touched by this user",
  EPERM: "% may not be touched by this user",
  EROFS: "% lies on a file system that cannot be written to",
  ENOSPC: "the disk is full: %",
  EEXIST: "% is there already",
};

/** The message of whatever was thrown, in plain words where the system refused a file. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path } = error as NodeJS.ErrnoException;
  const meaning = code === undefined ? undefined : MEANINGS[code];
  return meaning === undefined
    ? error.message
    : meaning.replace("%", () => path ?? "it");
}
