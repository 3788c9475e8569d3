import { expect, test } from "vitest";
import { tellApart } from "../../../core/run/tellApart";

const run = (folder: string, name: string, group = "") => ({
  ...{ folder, name, group },
});

test("a name of its own needs nothing beside it", () => {
  expect(
    tellApart([run("/r/arms/all", "a, all", "arms"), run("/r/b", "b")]),
  ).toEqual(["", ""]);
});

test("runs of one name are told apart by group, folder name or folder", () => {
  expect(
    tellApart([
      run("/r/arms-1/all", "a", "arms-1"),
      run("/r/arms-2/all", "a", "arms-2"),
      run("/r/a-1", "a"),
      run("/r/a-2", "a"),
      run("/s/a-2", "a"),
    ]),
  ).toEqual(["arms-1", "arms-2", "a-1", "/r/a-2", "/s/a-2"]);
});

test("a long beginning that they share is left out", () => {
  const runs = ["second-20261126-062042", "second-20261126-071500"];
  expect(tellApart(runs.map((name) => run(`/r/${name}`, "second")))).toEqual([
    ...["\u2026062042", "\u2026071500"],
  ]);
});
