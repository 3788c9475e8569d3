import { describe, expect, it } from "vitest";
import type { EngineHealth } from "../../../core/engine/protocol";
import { annotationJson } from "../../../core/annotation/annotationJson";
import {
  healthLine,
  statusText,
  statusTooltip,
} from "../../../extension/engine/statusText";
import {
  GROUP_SIZE,
  forkAlternatives,
  forkLabel,
  forkRows,
} from "../../../extension/inspect/forkRows";
import { jsonParts } from "../../../extension/inspect/jsonParts";
import { LiveTrace } from "../../../extension/inspect/liveTrace";
import {
  brokenLines,
  bytes,
  count,
  modelLines,
} from "../../../extension/models/modelItems";
import { traceOf } from "./tokenised";

const TOP_HALF = { kind: "share", share: 0.5 } as const;
const live = LiveTrace.of(
  traceOf([
    { text: "So", entropy: 0.1, logprob: -1, rank: 1, top: [["So", 0.9]] },
    {
      text: " wait",
      entropy: 2,
      logprob: -2,
      rank: 2,
      top: [
        [" so", 0.6],
        [" wait", 0.3],
        ["\n", 0.05],
      ],
    },
  ]),
  0,
  TOP_HALF,
);

describe("the list of forks", () => {
  it("names a fork by its word, and what else might have stood there", () => {
    const [fork] = live.forks;
    expect(forkLabel(live, fork!)).toBe("wait");
    expect(forkAlternatives(live, fork!)).toBe("so  ↵");
  });

  const forks = Array.from({ length: 2 * GROUP_SIZE + 1 }, (_, i) => ({
    token: i,
    start: 2 * i,
    end: 2 * i + 1,
    entropy: (i * 7919) % 1000,
  }));

  it("lists few as they are and groups many, losing none", () => {
    expect(forkRows(forks.slice(0, 3), "position")).toHaveLength(3);
    const groups = forkRows(forks, "position");
    expect(groups.map((group) => group.kind)).toEqual(Array(3).fill("group"));
    const leaves = groups.flatMap((group) =>
      group.kind === "group" ? group.leaves : [],
    );
    expect(leaves.map((leaf) => leaf.fork)).toEqual(forks);
    expect(leaves.every((leaf) => leaf.group?.leaves.includes(leaf))).toBe(
      true,
    );
  });

  it("sorts by entropy over all groups", () => {
    const entropies = forkRows(forks, "entropy").flatMap((group) =>
      group.kind === "group"
        ? group.leaves.map((leaf) => leaf.fork.entropy)
        : [],
    );
    expect(entropies).toEqual([...entropies].sort((a, b) => b - a));
  });
});

describe("the annotation as JSON", () => {
  it("is what the command line prints, written in parts", () => {
    const text = [...jsonParts(live.trace, live.cut)].join("");
    const plain = JSON.stringify(annotationJson(live.trace, live.cut));
    expect(JSON.parse(text)).toEqual(JSON.parse(plain));
    const long = LiveTrace.of(
      traceOf(Array.from({ length: 1201 }, () => ({ text: "a", entropy: 1 }))),
      0,
      TOP_HALF,
    );
    const parsed = JSON.parse(
      [...jsonParts(long.trace, long.cut)].join(""),
    ) as {
      tokens: unknown[];
    };
    expect(parsed.tokens).toHaveLength(1201);
  });
});

describe("the status item", () => {
  const { model } = live.trace;
  const facts = {
    health: { state: "idle" } as EngineHealth,
    modelName: "qwen$(zap)",
    isPocket: false,
    live: undefined,
    run: undefined,
  };

  it("says what goes on", () => {
    expect(statusText(facts)).toBe("$(repo-forked) qwen$ (zap)");
    expect(
      statusText({
        ...facts,
        health: { state: "loading", model: "m", fraction: 0.429 },
      }),
    ).toContain("42 %");
    expect(statusText({ ...facts, run: { done: 1200, total: 4000 } })).toBe(
      "$(loading~spin) Scoring 1,200 of 4,000",
    );
    expect(statusText({ ...facts, live })).toBe("$(repo-forked) 1 fork");
    expect(
      statusText({
        ...facts,
        health: { state: "failed", message: "x", action: "retry" },
      }),
    ).toBe("$(error) Forksight");
  });

  it("names device and layers, the pocket model, and the cut", () => {
    const ready = {
      ...facts,
      health: {
        state: "ready",
        model,
        device: "NVIDIA H100",
        gpuLayers: 28,
        totalLayers: 29,
      } as const,
      isPocket: true,
      live,
    };
    expect(healthLine(ready)).toContain("NVIDIA H100, 28 of 29 layers");
    const tooltip = statusTooltip(ready);
    expect(tooltip).toContain("pocket model that comes with Forksight");
    expect(tooltip).toContain(
      "2 tokens, 1 fork (the top 50%, from 2.000 nats on)",
    );
  });

  it("lets a model's name become no link", () => {
    const health: EngineHealth = {
      state: "ready",
      model: { ...model, name: "[x](command:evil)" },
      device: "CPU",
      gpuLayers: 0,
      totalLayers: 4,
    };
    expect(statusTooltip({ ...facts, health })).not.toContain("[x](command");
  });
});

describe("the list of models", () => {
  it("tells sizes and whether a model fits", () => {
    expect(bytes(999)).toBe("999 B");
    expect(bytes(5_074_592)).toBe("5.1 MB");
    expect(bytes(4_683_074_240)).toBe("4.7 GB");
    expect(bytes(999_999_999)).toBe("1.0 GB");
    expect(count(595_776_512)).toBe("596 M");
    expect(count(7_615_616_512)).toBe("7.6 B");
    const described = {
      ...live.trace.model,
      trainedContext: 40_960,
      fit: {
        fits: false,
        gpuLayers: 0,
        totalLayers: 4,
        explanation: "Needs 80 GB.",
      },
    };
    const lines = modelLines(described, "Ollama: qwen3:8b");
    expect(lines.description).toBe(
      "qwen3 · 1.0 M parameters · F32 · 4.0 MB · context 40,960",
    );
    expect(lines.detail).toContain("$(warning) Needs 80 GB.");
    const unsupported = modelLines(
      { ...described, unsupported: "An embedding model." },
      "a folder",
    );
    expect(unsupported.detail).toContain("$(circle-slash) An embedding model.");
  });

  it("lets no file's metadata draw icons", () => {
    const lines = brokenLines("/m/$(zap).gguf", "a folder", "$(x) truncated");
    expect(lines.label).toBe("$(error) $ (zap).gguf");
    expect(lines.detail).toBe("$ (x) truncated");
  });
});
