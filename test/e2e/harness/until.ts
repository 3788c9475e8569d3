import { setTimeout as sleep } from "node:timers/promises";

/** Waits for a condition, and fails with what `describe` says. @param patience milliseconds */
export async function until(
  condition: () => Promise<boolean>,
  describe: () => string | Promise<string>,
  patience = 120_000,
): Promise<void> {
  const limit = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > limit) {
      throw new Error(`not within ${patience / 1000} s: ${await describe()}`);
    }
    await sleep(100);
  }
}
