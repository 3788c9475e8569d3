/** Seconds beyond which a file's number is no estimate any more. */
const LONGEST = 99 * 24 * 3600;

/** `1 h 05 min`, `3 min 20 s`, `12 s`; `more than 99 days` at most. */
export function duration(seconds: number): string {
  if (seconds > LONGEST) return "more than 99 days";
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  const pad = (n: number) => String(n).padStart(2, "0");
  if (s < 3600) return `${Math.floor(s / 60)} min ${pad(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${pad(Math.floor((s % 3600) / 60))} min`;
}
