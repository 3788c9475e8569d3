const FILTER = /^\s*(<=|>=|<|>|=)?\s*(-?\d+(?:\.\d+)?)\s*$/;

const COMPARISONS: Readonly<
  Record<string, (reward: number, limit: number) => boolean>
> = {
  "<": (reward, limit) => reward < limit,
  "<=": (reward, limit) => reward <= limit,
  ">": (reward, limit) => reward > limit,
  ">=": (reward, limit) => reward >= limit,
  "=": (reward, limit) => Math.abs(reward - limit) < 1e-6,
};

/** A test of rewards, as a person writes it: `1`, `> 0`, `<= 0.5`; undefined where the text is none. */
export function parseRewardFilter(
  text: string,
): ((reward: number) => boolean) | undefined {
  const [, sign = "=", number] = FILTER.exec(text) ?? [];
  if (number === undefined) return undefined;
  const limit = Number(number);
  return (reward) => COMPARISONS[sign]!(reward, limit);
}
