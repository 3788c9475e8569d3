// Does the default run learn? Trains the default run file with three seeds, and the other three arms with one seed
// each, one after another, and draws the curves. Takes hours of two cores; not part of `npm run bench`.
//
//   node test/bench/learning.mjs FOLDER [--set key=value ...]
//
// A run whose folder is there already is resumed, so the whole can be interrupted.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const [folder, ...sets] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node test/bench/learning.mjs FOLDER [--set key=value]");
  process.exit(2);
}
const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const RUNS = [
  ["top", 1],
  ["top", 2],
  ["top", 3],
  ["all", 1],
  ["bottom", 1],
  ["random", 1],
];

const pairs = [];
for (const [kind, seed] of RUNS) {
  const out = join(folder, `${kind}-${seed}`);
  const args = existsSync(join(out, "run.json"))
    ? ["resume", out]
    : [
        "train",
        at("samples/runs/countdown-top20.forksight.yaml"),
        "--out",
        out,
        ...sets,
        // All problems of the test set: its accuracy's standard error is then 2.5 points.
        "--set",
        "eval.limit=400",
        "--set",
        `mask.kind=${kind}`,
        "--set",
        `seed=${seed}`,
      ];
  const { status } = spawnSync(
    process.execPath,
    [at("dist/cli.mjs"), ...args],
    {
      stdio: "inherit",
    },
  );
  if (status !== 0) process.exit(status ?? 1);
  pairs.push(`${kind}/${seed}=${out}`);
}
const curves = at("test/bench/learning-curves.mjs");
spawnSync(
  process.execPath,
  [curves, join(folder, "learning.svg"), "test", ...pairs],
  { stdio: "inherit" },
);
