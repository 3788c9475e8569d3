/** A run file as verl's configuration. The golden file was read over by eye, against the fork's own configuration. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { nestedYaml } from "../../../core/exchange/commentedYaml";
import { verlConfiguration } from "../../../core/exchange/verlConfig";
import { checkSettings } from "../../../core/run/runFile";

const golden = new URL(
  "../../fixtures/exchange/verl-top20.yaml",
  import.meta.url,
);

const RUN = {
  model: "/models/Qwen3-8B",
  data: {
    train: "/data/maths.jsonl",
    eval: { aime: "/data/aime 2025.jsonl" },
  },
  reward: { kind: "maths" },
  rollout: { promptsPerStep: 512, groupSize: 16, maxTokens: 20480, topK: 0 },
  objective: {
    dynamicSampling: true,
    maxResamples: 9,
    overlong: { maximum: 20480, cache: 4096 },
  },
  mask: { kind: "top", rho: 0.2, pool: "micro-batch" },
  optimizer: { learningRate: 1e-6, warmupSteps: 10, weightDecay: 0.1 },
  miniBatches: 16,
  steps: 300,
};

function exported(run: Record<string, unknown>): string {
  const checked = checkSettings(run);
  if (!checked.ok) throw new Error(JSON.stringify(checked.errors));
  return verlConfiguration(checked.settings, "top 20");
}

type Tree = Record<string, Record<string, Record<string, unknown>>>;

const read = (text: string) => parse(text, { version: "1.1" }) as Tree;

/** The comment line above a setting. */
function commentOn(text: string, setting: string): string {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.trim().startsWith(`${setting}:`));
  const above = lines[at - 1] ?? "";
  return /^\s*# (.*)/.exec(above)?.[1] ?? "";
}

describe("verlConfiguration", () => {
  it("makes the golden file of the paper's settings", () => {
    expect(exported(RUN)).toBe(readFileSync(golden, "utf8"));
  });

  it("is YAML 1.1 in which numbers are numbers and n is no boolean", () => {
    const tree = read(exported(RUN));
    const { actor, rollout } = tree["actor_rollout_ref"]!;
    expect(actor!["entropy_top_ratio"]).toBe(0.2);
    expect(actor!["optim"]).toMatchObject({ lr: 1e-6, betas: [0.9, 0.999] });
    expect(rollout!["n"]).toBe(16);
    expect(actor!["ppo_mini_batch_size"]).toBe(32);
    expect(tree["defaults"]).toEqual(["ppo_trainer", "_self_"]);
    expect(tree["trainer"]!["experiment_name"]).toBe("top 20");
  });

  it("says above a setting what the fork does otherwise", () => {
    const text = exported({
      ...RUN,
      model: "/models/pocket.gguf",
      reward: { kind: "countdown" },
      mask: { kind: "random" },
      miniBatches: 7,
      rollout: { ...RUN.rollout, minP: 0.05, maxTokens: 1000 },
      objective: { ...RUN.objective, loss: "grpo", scaleRewards: "batch" },
      optimizer: { schedule: "linear", maxGradNorm: 0, epsilon: 1e-6 },
    });
    const tree = read(text);
    const { actor, model } = tree["actor_rollout_ref"]!;
    expect(actor).toMatchObject({
      entropy_top_ratio: null,
      loss_agg_mode: "seq-mean-token-mean",
      grad_clip: 1e9,
      optim: { override_optimizer_config: { eps: 1e-6 } },
    });
    expect(model!["path"]).toBe("???");
    const expected: [string, RegExp][] = [
      ["entropy_top_ratio", /DIFFERS.*no mask `random`/],
      ["ppo_mini_batch_size", /DIFFERS.*512 do not divide into 7/],
      ["norm_adv_by_std_in_grpo", /DIFFERS.*batch/],
      ["lr_scheduler_type", /DIFFERS.*linear/],
      ["top_k", /DIFFERS.*minP.*0.05/],
      ["len", /DIFFERS.*\(1000\).*20480/],
      ["grad_clip", /off/],
    ];
    for (const [setting, comment] of expected)
      expect(commentOn(text, setting), setting).toMatch(comment);
    expect(text).toMatch(
      /# .*the model that \/models\/pocket\.gguf was made of/,
    );
    expect(text).toMatch(/# the run file's reward is countdown/);
  });

  it("says that supervised fine-tuning is another trainer's", () => {
    expect(() => exported({ ...RUN, objective: { loss: "sft" } })).toThrow(
      /loss: sft/,
    );
  });

  it("lets no path out of its comment or its quotes", () => {
    const text = exported({
      ...RUN,
      data: { train: '/data/a\n"b": {c}.jsonl' },
    });
    expect(read(text)["data"]!["train_files"]).toBe(
      '/data/a\n"b": {c}.parquet',
    );
  });
});

describe("nestedYaml", () => {
  it("quotes what YAML 1.1 would take for something else", () => {
    const values = ["yes", "1e3", "null", "~", "a: b", "# c", "${x.y}", "0x1f"];
    const text = nestedYaml(values.map((value, i) => [`a.k${i}`, value]));
    expect(Object.values(read(text)["a"]!)).toEqual(values);
  });
});
