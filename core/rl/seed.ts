/**
 * Randomness without state: every draw of a run follows from (seed, step, purpose, index), so that a run resumes from a
 * step's number alone and no draw depends on how many others there were before it.
 */

/** What a draw is for; each purpose has a sequence of its own. */
export type Purpose = "adapter" | "order" | "rollout" | "mask" | "evaluate";

const PURPOSES: readonly Purpose[] = [
  "adapter",
  "order",
  "rollout",
  "mask",
  "evaluate",
];

/** An unsigned 32-bit seed; equal arguments give equal seeds. Each argument is an integer below 2^32. */
export function deriveSeed(
  seed: number,
  step: number,
  purpose: Purpose,
  index = 0,
): number {
  let hash = 0x9e3779b9;
  for (const part of [seed, step, PURPOSES.indexOf(purpose) + 1, index]) {
    hash = mix(hash ^ mix((part + 0x7f4a7c15) >>> 0));
  }
  return hash;
}

/** Uniform numbers in [0, 1) from a seed: the finaliser of MurmurHash3 over a counter. */
export function uniform(seed: number): () => number {
  let counter = seed >>> 0;
  return () => {
    counter = (counter + 0x9e3779b9) >>> 0;
    return mix(counter) / 2 ** 32;
  };
}

/** 0 to n - 1 in random order (Fisher-Yates). */
export function shuffled(n: number, random: () => number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** MurmurHash3's 32-bit finaliser: a bijection in which every input bit reaches every output bit. */
function mix(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
