import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RewardProcess } from "../../../native/trainer/rewardProcess";

const PYTHON = "python3";
const hasPython = spawnSync(PYTHON, ["--version"]).status === 0;
const never = new AbortController().signal;

let folder = "";
const started: RewardProcess[] = [];
const logged: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "forksight-reward-"));
});
afterEach(() => {
  for (const one of started.splice(0)) one.close();
  logged.length = 0;
  rmSync(folder, { recursive: true, force: true });
});

async function start(
  kind: "javascript" | "python",
  code: string,
  timeoutSeconds = 20,
): Promise<RewardProcess> {
  const file = join(folder, kind === "python" ? "reward.py" : "reward.mjs");
  writeFileSync(file, code);
  const process = await RewardProcess.start({
    kind,
    file,
    python: PYTHON,
    timeoutSeconds,
    columns: ["answer", "level"],
    log: (text) => logged.push(text),
  });
  started.push(process);
  return process;
}

const completions = [
  { text: "four", prompt: "2+2", columns: { answer: "4", level: 1 } },
  { text: "nine", prompt: "3*3", columns: { answer: "9" } },
].map(({ text, prompt, columns }) => ({
  text,
  problem: { prompt, userText: prompt, columns },
}));

describe("a JavaScript reward", () => {
  it("gets prompts, completions and columns, call after call", async () => {
    const reward = await start(
      "javascript",
      `export default function reward({ prompts, completions, answer, level }) {
         console.log("a note");
         return completions.map((text, i) =>
           text.length + 10 * prompts[i].length + (answer[i] === "9" ? 100 : 0) + (level[i] ?? 0.5));
       }`,
    );
    expect(await reward.score(completions, never)).toEqual([35, 134.5]);
    expect(await reward.score(completions.slice(1), never)).toEqual([134.5]);
    await expect.poll(() => logged).toContain("reward: a note");
  });

  it("gets conversations as TRL hands them over", async () => {
    const reward = await start(
      "javascript",
      `export const reward = async ({ prompts, completions }) =>
         completions.map((one, i) => one[0].content === "yes" && prompts[i][0].role === "user" ? 1 : 0);`,
    );
    const prompt = [{ role: "user", content: "?" }];
    const problem = { prompt, userText: "?", columns: {} };
    expect(await reward.score([{ text: "yes", problem }], never)).toEqual([1]);
  });

  it("is ended when it takes too long", async () => {
    const reward = await start(
      "javascript",
      "export default () => { for (;;); }",
      0.5,
    );
    await expect(reward.score(completions, never)).rejects.toThrow(
      /reward\.mjs: took longer than 0\.5 s to score \(reward\.timeoutSeconds\)/,
    );
    await expect(reward.score(completions, never)).rejects.toThrow(/closed/);
  });

  it("says what it threw, and how it ended", async () => {
    const throwing = await start(
      "javascript",
      `export default () => { throw new Error("no such column"); }`,
    );
    await expect(throwing.score(completions, never)).rejects.toThrow(
      /no such column/,
    );
    const leaving = await start(
      "javascript",
      "export default () => process.exit(3)",
    );
    await expect(leaving.score(completions, never)).rejects.toThrow(
      /ended by itself \(exit code 3\)/,
    );
    await expect(start("javascript", "export const x = 1;")).rejects.toThrow(
      /no `export default function reward`/,
    );
  });

  it("can be given up", async () => {
    const reward = await start(
      "javascript",
      "export default () => new Promise(() => undefined);",
    );
    const abort = new AbortController();
    const scoring = reward.score(completions, abort.signal);
    abort.abort(new Error("stopped"));
    await expect(scoring).rejects.toThrow("stopped");
  });
});

describe.skipIf(!hasPython)("a Python reward", () => {
  it("is called as TRL calls one", async () => {
    const reward = await start(
      "python",
      `def reward(prompts, completions, answer, **columns):
    print("a note")
    return [len(c) + 10 * len(p) + (100 if a == "9" else 0) + (columns["level"][i] or 0.5)
            for i, (p, c, a) in enumerate(zip(prompts, completions, answer))]
`,
    );
    expect(await reward.score(completions, never)).toEqual([35, 134.5]);
    await expect.poll(() => logged).toContain("reward: a note");
  });

  it("says what it raised", async () => {
    const reward = await start(
      "python",
      "def reward(prompts, completions, **columns):\n    return 1 / 0\n",
    );
    await expect(reward.score(completions, never)).rejects.toThrow(
      /reward\.py: ZeroDivisionError: division by zero/,
    );
    await expect(start("python", "import no_such_module\n")).rejects.toThrow(
      /ModuleNotFoundError/,
    );
  });
});
