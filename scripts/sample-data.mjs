// Writes samples/data/countdown-{train,validation,test}.jsonl: Countdown problems of the three splits, each problem once.
// The splits follow from the problems themselves (core/countdown/problem.ts), so none of one is in another.
import { Buffer } from "node:buffer";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const SIZES = { train: 3000, validation: 200, test: 400 };
const SEED = 20250602;

const { outputFiles } = await build({
  stdin: {
    contents: 'export * from "./core/countdown/problem.ts";',
    resolveDir: fileURLToPath(new URL("..", import.meta.url)),
  },
  bundle: true,
  write: false,
  format: "esm",
});
const code = Buffer.from(outputFiles[0].contents).toString("base64");
const { drawProblem, formatPrompt, problemKey, seededRandom } = await import(
  `data:text/javascript;base64,${code}`
);

const folder = new URL("../samples/data/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [split, size] of Object.entries(SIZES)) {
  const random = seededRandom(SEED);
  const seen = new Set();
  const lines = [];
  while (lines.length < size) {
    const problem = drawProblem(random, split);
    const key = problemKey(problem);
    if (seen.has(key)) continue;
    seen.add(key);
    const content = formatPrompt(problem);
    lines.push(
      JSON.stringify({ prompt: [{ role: "user", content }], ...problem }),
    );
  }
  writeFileSync(
    new URL(`countdown-${split}.jsonl`, folder),
    `${lines.join("\n")}\n`,
  );
}
