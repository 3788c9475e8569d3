import { describe, expect, it } from "vitest";
import { RestartPolicy } from "../../../native/client/restartPolicy";

describe("RestartPolicy", () => {
  it("allows three restarts, 1, 2 and 4 seconds apart", () => {
    const policy = new RestartPolicy();
    expect([policy.next(), policy.next(), policy.next()]).toEqual([
      1000, 2000, 4000,
    ]);
    expect(policy.exhausted).toBe(true);
    expect(policy.next()).toBeUndefined();
    expect(policy.used).toBe(3);
  });

  it("begins again after a success", () => {
    const policy = new RestartPolicy();
    policy.next();
    policy.next();
    policy.reset();
    expect(policy.exhausted).toBe(false);
    expect(policy.next()).toBe(1000);
  });
});
