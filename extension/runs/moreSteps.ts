/** As many as a run file may say. */
const MOST_STEPS = 1e7;

/** undefined for what is no number of steps beyond those done */
export function stepsIn(text: string, done: number): number | undefined {
  if (!/^\s*\d{1,8}\s*$/.test(text)) return undefined;
  const steps = Number(text);
  return steps > done && steps <= MOST_STEPS ? steps : undefined;
}
