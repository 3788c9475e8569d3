import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  readDescription,
  readRollouts,
  readStatus,
} from "../../../core/run/readFolder";
import { bigramPolicy } from "./bigramPolicy";
import { metricsOf, resume, timeless, train, workspace } from "./runs";

describe("a run", () => {
  it("learns, and writes what the folder promises", async () => {
    const { folder, outcome } = await train(["steps=30", "mask.kind=all"]);
    expect(outcome).toBe("done");
    const lines = metricsOf(folder);
    expect(lines.map(({ step }) => step)).toEqual([...Array(31).keys()]);
    const accuracy = (step: number) =>
      lines[step]!["eval/held/accuracy"] as number;
    expect(accuracy(0)).toBeLessThan(0.3);
    expect(accuracy(30)).toBeGreaterThan(accuracy(0) + 0.4);
    expect(lines[1]).toMatchObject({
      learning_rate: 0.2,
      "clip_ratio/low_mean": 0,
      "entropy_mask/kept_fraction": 1,
    });
    expect(lines[1]!["entropy/percentiles"]).toHaveLength(21);
    expect(lines[1]!["entropy/forking"]).toBeGreaterThan(
      lines[1]!["entropy/rest"]!,
    );
    // The rollouts' log-probabilities are the kernel's: one table.
    expect(lines[1]!["sampling/sampling_logp_difference/max"]).toBeLessThan(
      1e-6,
    );
    expect(lines[30]!["compare/overlap"]).toBeLessThanOrEqual(1);
    expect(lines[30]!["compare/entropy_change"]).toHaveLength(20);

    const description = readDescription(
      readFileSync(join(folder, "run.json"), "utf8"),
    );
    expect(description).toMatchObject({
      ok: true,
      value: {
        name: "run",
        seed: 5,
        model: {
          // sha256sum of the four bytes GGUF
          sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
          bytes: 4,
        },
      },
    });
    expect(
      readStatus(readFileSync(join(folder, "status.json"), "utf8")),
    ).toMatchObject({ ok: true, value: { state: "done", step: 30, eta: 0 } });
    // Every 2nd is kept, the last 2 of them, and the newest.
    expect(readdirSync(join(folder, "checkpoints")).sort()).toEqual([
      "step-28",
      "step-30",
    ]);
    expect(existsSync(join(folder, "lock"))).toBe(false);
  });

  it("writes rollouts whose kept tokens are the mask's", async () => {
    const { folder } = await train(["loggedRollouts=17"]);
    const read = readRollouts(
      readFileSync(join(folder, "rollouts", "step-2.jsonl"), "utf8"),
    );
    expect(read.bad).toEqual([]);
    // 17 rounds up to three whole groups of 8.
    expect(read.lines).toHaveLength(24);
    expect(read.lines.map(({ group }) => group)).toEqual([
      ...Array<number>(8).fill(0),
      ...Array<number>(8).fill(1),
      ...Array<number>(8).fill(2),
    ]);
    const whole = await train(["loggedRollouts=32"]);
    const all = readRollouts(
      readFileSync(join(whole.folder, "rollouts", "step-2.jsonl"), "utf8"),
    ).lines;
    const tokens = all.flatMap(({ tokens }) =>
      tokens!.entropy.map((nats, i) => ({ nats, kept: tokens!.kept[i]! })),
    );
    const keptTokens = tokens.filter(({ kept }) => kept === 1);
    expect(keptTokens).toHaveLength(Math.ceil(0.2 * tokens.length));
    const lowestKept = Math.min(...keptTokens.map(({ nats }) => nats));
    for (const { nats, kept } of tokens)
      if (kept === 0) expect(nats).toBeLessThanOrEqual(lowestKept);
    for (const line of all) {
      expect(line.reward).toBe(
        line.completion ===
          String.fromCharCode((line.prompt as string).charCodeAt(0) + 3)
          ? 1
          : 0,
      );
    }
  });

  it("gives the same numbers twice, and others for another seed", async () => {
    const [first, second, other] = [
      await train(),
      await train(),
      await train(["seed=6"]),
    ];
    expect(timeless(metricsOf(second.folder))).toEqual(
      timeless(metricsOf(first.folder)),
    );
    expect(timeless(metricsOf(other.folder))).not.toEqual(
      timeless(metricsOf(first.folder)),
    );
  });

  it.each(["all", "top", "bottom", "random"])(
    "trains the %s arm",
    async (kind) => {
      const { folder } = await train([
        `mask.kind=${kind}`,
        "miniBatches=3",
        "mask.pool=mini-batch",
        "objective.dynamicSampling=true",
      ]);
      const lines = metricsOf(folder);
      expect(lines).toHaveLength(7);
      const share = { all: 1, top: 0.2, bottom: 0.8, random: 0.2 }[kind]!;
      for (const line of lines.slice(1)) {
        expect(line["entropy_mask/kept_fraction"]).toBeCloseTo(share, 1);
        expect(line.groups_sampled).toBeGreaterThanOrEqual(4);
      }
    },
  );

  it("fine-tunes on the data's own completions", async () => {
    const { folder, policy } = await train([
      "objective.loss=sft",
      "steps=20",
      "mask.kind=all",
    ]);
    const lines = metricsOf(folder);
    expect(lines[20]!.loss).toBeLessThan(lines[1]!.loss! / 2);
    expect(lines[1]!.reward).toBeUndefined();
    expect(lines[20]!["eval/held/accuracy"]).toBeGreaterThan(0.8);
    expect(policy.calls.some(({ kind }) => kind === "accumulate")).toBe(true);
  });
});

describe("stopping and resuming", () => {
  it("goes on with the numbers of a run that was never stopped", async () => {
    const whole = await train(["miniBatches=2"]);
    const at = workspace();
    let generations = 0;
    const policy = bigramPolicy();
    policy.onGenerate = () => {
      // In the middle of step 3: the second of its two... the evaluation of step 3 comes after its rollouts.
      if (++generations === 4) writeFileSync(join(at, "out", "stop"), "");
    };
    const stopped = await train(["miniBatches=2"], { at, policy });
    expect(stopped.outcome).toBe("stopped");
    expect(existsSync(join(stopped.folder, "stop"))).toBe(false);
    const done = metricsOf(stopped.folder).at(-1)!.step;
    expect(done).toBe(3);
    expect(await resume(stopped.folder)).toBe("done");
    expect(timeless(metricsOf(stopped.folder))).toEqual(
      timeless(metricsOf(whole.folder)),
    );
  });

  it("gives up the step under way when aborted, and loses no other", async () => {
    const whole = await train();
    for (const dieAt of [1, 2, 3, 5, 7]) {
      const at = workspace();
      const abort = new AbortController();
      const policy = bigramPolicy();
      let generations = 0;
      policy.onGenerate = () => {
        if (++generations === dieAt) abort.abort(new Error("stopped"));
      };
      const { folder, outcome } = await train([], {
        at,
        policy,
        abort: abort.signal,
      });
      expect(outcome).toBe("stopped");
      expect(
        readStatus(readFileSync(join(folder, "status.json"), "utf8")),
      ).toMatchObject({ value: { state: "stopped" } });
      expect(await resume(folder)).toBe("done");
      expect(timeless(metricsOf(folder))).toEqual(
        timeless(metricsOf(whole.folder)),
      );
    }
  });

  it("mends what a kill between any two writes left", async () => {
    const whole = await train();
    const { folder } = await train(["steps=3"]);
    // As if killed in step 4 after its rollouts and while its checkpoint was written, and before step 3's line.
    const metrics = join(folder, "metrics.jsonl");
    const lines = readFileSync(metrics, "utf8").split("\n");
    writeFileSync(metrics, `${lines.slice(0, 3).join("\n")}\n{"step": 3, "ti`);
    writeFileSync(join(folder, "rollouts", "step-4.jsonl"), "{}\n");
    writeFileSync(join(folder, "rollouts", "step-4.jsonl.new"), "{");
    cpSync(
      join(folder, "checkpoints", "step-3"),
      join(folder, "checkpoints", ".step-4-new"),
      { recursive: true },
    );
    writeFileSync(join(folder, "lock"), '{"pid": 999999999, "host": "gone"}');
    expect(await resume(folder, { steps: 6 })).toBe("done");
    expect(timeless(metricsOf(folder)).slice(0, 7)).toEqual(
      timeless(metricsOf(whole.folder)),
    );
    expect(readdirSync(join(folder, "checkpoints")).sort()).toEqual([
      "step-4",
      "step-6",
    ]);
  });

  it("takes an older checkpoint where the newest is damaged", async () => {
    const whole = await train();
    const { folder } = await train(["steps=5", "checkpoints.every=1"]);
    writeFileSync(
      join(folder, "checkpoints", "step-5", "trainer_state.json"),
      "{",
    );
    expect(await resume(folder, { steps: 6 })).toBe("done");
    expect(timeless(metricsOf(folder))).toEqual(
      timeless(metricsOf(whole.folder)),
    );
  });

  it("refuses a changed model or data set, a folder that is none, a run in a full folder", async () => {
    const { folder } = await train();
    await expect(train([], { at: join(folder, "..") })).rejects.toThrow(
      /holds a run already/,
    );
    writeFileSync(
      join(folder, "..", "train.jsonl"),
      '{"prompt":"a","answer":"b"}\n',
    );
    await expect(resume(folder)).rejects.toThrow(
      /train\.jsonl \(data\.train\) has changed/,
    );
    await expect(resume(join(folder, "rollouts"))).rejects.toThrow(
      /is no run folder/,
    );
  });

  it("knows the steps that are done, and takes no fewer", async () => {
    const { folder } = await train(["steps=3"]);
    expect(await resume(folder)).toBe("done");
    const status = readFileSync(join(folder, "status.json"), "utf8");
    expect(readStatus(status)).toMatchObject({
      value: { state: "done", step: 3, steps: 3 },
    });
    const before = readFileSync(join(folder, "run.json"), "utf8");
    await expect(resume(folder, { steps: 2 })).rejects.toThrow(
      /is a run of 3 steps/,
    );
    expect(readFileSync(join(folder, "run.json"), "utf8")).toBe(before);
    expect(readFileSync(join(folder, "status.json"), "utf8")).toBe(status);
  });

  it("does not begin anew where steps are recorded and no checkpoint can be read", async () => {
    const { folder } = await train(["steps=3"]);
    for (const name of readdirSync(join(folder, "checkpoints")))
      rmSync(join(folder, "checkpoints", name), { recursive: true });
    const before = readFileSync(join(folder, "metrics.jsonl"), "utf8");
    await expect(resume(folder, { steps: 5 })).rejects.toThrow(
      /no checkpoint that can be read.* 4 steps/,
    );
    expect(readFileSync(join(folder, "metrics.jsonl"), "utf8")).toBe(before);
  });

  it("names the checkpoint that cannot be loaded, and what to do", async () => {
    const { folder } = await train(["steps=3"]);
    const policy = bigramPolicy();
    policy.kernel.importState = () => {
      throw new Error("It is cut off.");
    };
    await expect(resume(folder, { steps: 5, policy })).rejects.toThrow(
      /step-3 cannot be loaded: It is cut off\. Remove this folder/,
    );
  });

  it("takes a folder again in which a run failed before its first result", async () => {
    const at = workspace();
    const openPolicy = () => Promise.reject(new Error("no such model"));
    await expect(train([], { at, openPolicy })).rejects.toThrow(
      "no such model",
    );
    const { folder, outcome } = await train(["steps=2"], { at });
    expect(outcome).toBe("done");
    expect(metricsOf(folder).map(({ step }) => step)).toEqual([0, 1, 2]);
  });

  it("refuses a folder where another trainer is at work", async () => {
    const { folder } = await train(["steps=2"]);
    writeFileSync(
      join(folder, "lock"),
      JSON.stringify({ pid: 1, host: (await import("node:os")).hostname() }),
    );
    await expect(resume(folder, { steps: 3 })).rejects.toThrow(
      /A trainer is at work/,
    );
  });
});

describe("errors of a run", () => {
  it("names bad lines of the data", async () => {
    const at = workspace();
    writeFileSync(
      join(at, "train.jsonl"),
      '{"prompt":"a","answer":"b"}\n{"prompt":"a"}\nnonsense\n{"x":1}\n',
    );
    await expect(train([], { at })).rejects.toThrow(
      /train\.jsonl has 3 bad lines: line 2: the reward needs an `answer`.*; line 3: .*; line 4: expected/,
    );
    expect(existsSync(join(at, "out"))).toBe(false);
  });

  it("makes no folder for a model that is no GGUF file", async () => {
    const at = workspace();
    for (const text of ["", "GGU", "PK\u0003\u0004 and more"]) {
      writeFileSync(join(at, "model.gguf"), text);
      await expect(train([], { at })).rejects.toThrow(
        /^model: .*model\.gguf is no GGUF file\. The engine embedded trains/,
      );
    }
    await expect(train(["model=."], { at })).rejects.toThrow(
      /^model cannot be read: .*The engine embedded trains/,
    );
    expect(existsSync(join(at, "out"))).toBe(false);
  });

  it("says that a run needs a folder where a file is named", async () => {
    const at = workspace();
    writeFileSync(join(at, "out"), "mine");
    await expect(train([], { at })).rejects.toThrow(
      /out is a file, and a run needs a folder\. Name a new folder with --out\.$/,
    );
    expect(readFileSync(join(at, "out"), "utf8")).toBe("mine");
  });

  it("logs settings that have no effect", async () => {
    const { folder } = await train(["steps=1", "ray.workers=2"]);
    expect(readFileSync(join(folder, "trainer.log"), "utf8")).toContain(
      "warning: ray: not used: it is for the engine ray",
    );
  });

  it("names the first errors of a file that is no run file", async () => {
    const at = workspace();
    const lines = Array.from({ length: 20 }, (_, i) => `nonsense${i}: 1`);
    writeFileSync(join(at, "run.forksight.yaml"), lines.join("\n"));
    await expect(train([], { at })).rejects.toThrow(
      /nonsense0.*; and \d+ more$/,
    );
  });

  it("says what kind of model it takes", async () => {
    await expect(train(["model=owner/name"])).rejects.toThrow(
      /model cannot be read: there is no .* a GGUF file/,
    );
  });

  it("fails with a message where the loss is no number", async () => {
    const policy = bigramPolicy();
    policy.kernel.optimizerStep = () => ({ gradNorm: NaN, skipped: true });
    const at = workspace();
    await expect(train([], { at, policy })).rejects.toThrow(
      /diverged at step 3/,
    );
    expect(
      readStatus(readFileSync(join(at, "out", "status.json"), "utf8")),
    ).toMatchObject({
      value: {
        state: "failed",
        step: 2,
        message: expect.stringMatching(/learningRate/) as string,
      },
    });
  });

  it("wants trust before a run file's own program runs", async () => {
    await expect(
      train(["reward.kind=javascript", "reward.file=reward.mjs"]),
    ).rejects.toThrow(/--trust-rewards/);
  });
});
