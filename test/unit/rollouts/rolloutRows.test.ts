import { describe, expect, it } from "vitest";
import type { RolloutLine } from "../../../core/run/folder";
import { parseRewardFilter } from "../../../core/rollouts/rewardFilter";
import {
  EVERYTHING,
  type RolloutQuery,
  type SortKey,
  queryProblems,
  rolloutRow,
  selectRows,
} from "../../../core/rollouts/rolloutRows";

const line = (change: Partial<RolloutLine>): RolloutLine => ({
  step: 1,
  group: 0,
  prompt: "Make 24.",
  completion: "8 * 3",
  reward: 1,
  advantage: 0.5,
  clipped: false,
  tokens: { ids: [1, 2, 3, 4], entropy: [0, 0.5, 1, 0.1], kept: [0, 0, 1, 0] },
  ...change,
});

const rows = [
  line({ group: 1, reward: 0.5, completion: "Wait, 24" }),
  line({ group: 0, reward: 0, tokens: { ids: [], entropy: [], kept: [] } }),
  line({ group: 1, reward: -1, prompt: [{ role: "user", content: "Add" }] }),
  line({ group: 0, reward: 1, clipped: true }),
].map((one, i) => rolloutRow(i + 1, one));

const chosen = (query: Partial<RolloutQuery>) =>
  selectRows(rows, { ...EVERYTHING, ...query }).map(({ index }) => index);

describe("a row", () => {
  it("sums up a rollout", () => {
    expect(rolloutRow(7, line({}))).toEqual({
      index: 7,
      group: 0,
      prompt: "Make 24.",
      completion: "8 * 3",
      reward: 1,
      advantage: 0.5,
      length: 4,
      clipped: false,
      entropy: 0.4,
      kept: 0.25,
    });
  });

  it("shows the last message of a conversation", () => {
    const prompt = [
      { role: "system", content: "Think." },
      { role: "user", content: "Make 24." },
    ];
    expect(rolloutRow(1, line({ prompt })).prompt).toBe("Make 24.");
    expect(rolloutRow(1, line({ prompt: [] })).prompt).toBe("");
  });

  it("has no means where no token was recorded", () => {
    const none = { entropy: null, kept: null };
    expect(rows[1]).toMatchObject({ ...none, length: 0 });
    const { tokens, ...imported } = line({});
    expect(tokens).toBeDefined();
    expect(rolloutRow(1, imported)).toMatchObject({ ...none, length: null });
  });
});

describe("selecting rows", () => {
  it("takes all of them in the file's order", () => {
    expect(chosen({})).toEqual([1, 2, 3, 4]);
  });

  it.each<[SortKey, number[], number[]]>([
    ["group", [2, 4, 1, 3], [1, 3, 2, 4]],
    ["reward", [3, 2, 1, 4], [4, 1, 2, 3]],
    ["prompt", [3, 1, 2, 4], [1, 2, 4, 3]],
    ["clipped", [1, 2, 3, 4], [4, 1, 2, 3]],
    ["entropy", [1, 3, 4, 2], [2, 1, 3, 4]],
  ])("sorts by %s, equal ones in the file's order", (sort, up, down) => {
    expect(chosen({ sort })).toEqual(up);
    expect(chosen({ sort, descending: true })).toEqual(down);
  });

  it("filters by group, reward and text together", () => {
    expect(chosen({ group: " 1 " })).toEqual([1, 3]);
    expect(chosen({ reward: "> 0" })).toEqual([1, 4]);
    expect(chosen({ text: "WAIT" })).toEqual([1]);
    expect(chosen({ text: "add" })).toEqual([3]);
    expect(chosen({ group: "1", reward: "<0" })).toEqual([3]);
    expect(chosen({ group: "7" })).toEqual([]);
  });

  it("says what is wrong with a filter", () => {
    const problems = (query: Partial<RolloutQuery>) =>
      Object.keys(queryProblems({ ...EVERYTHING, ...query }));
    expect(problems({})).toEqual([]);
    expect(problems({ group: "2", reward: ">= 0.5" })).toEqual([]);
    expect(problems({ group: "-1" })).toEqual(["group"]);
    expect(problems({ group: "x", reward: "high" })).toEqual([
      "group",
      "reward",
    ]);
  });
});

describe("a filter of rewards", () => {
  it.each([
    ["1", [1]],
    ["= 1", [1]],
    [">0.5", [1]],
    [">= 0.5", [0.5, 1]],
    ["< 0.5", [-1, 0]],
    ["<=-1", [-1]],
  ])("%s", (text, expected) => {
    const passes = parseRewardFilter(text)!;
    expect([-1, 0, 0.5, 1].filter(passes)).toEqual(expected);
  });

  it.each(["", "much", "> x", "1 2", "=>1", "1e5"])("%j is none", (text) => {
    expect(parseRewardFilter(text)).toBeUndefined();
  });
});
