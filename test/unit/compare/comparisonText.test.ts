import { describe, expect, it } from "vitest";
import { compareTraces } from "../../../core/annotation/compareTraces";
import {
  changeText,
  comparisonHover,
  comparisonMessage,
  overlapText,
  tokenText,
} from "../../../extension/compare/comparisonText";
import type { ShownComparison } from "../../../extension/compare/modelComparisons";
import { traceOf } from "../extension/tokenised";

const EVIL = "[x](command:evil) <img src=x>\u202e`$(zap)`";

function shown(token = "So", name = "Base"): ShownComparison {
  const traceA = traceOf([
    { text: token, entropy: 2 },
    { text: " 24", entropy: 0.1 },
  ]);
  const b = {
    ...traceA,
    entropy: Float32Array.of(0.5, 1),
  };
  return {
    uri: undefined as never,
    a: { name, scorer: { modelPath: "/a.gguf" } },
    b: { name: "Base + run step 3", scorer: { modelPath: "/a.gguf" } },
    traceA,
    comparison: compareTraces(traceA, b, { kind: "share", share: 0.5 }),
    origin: 0,
  };
}

describe("what is said of a comparison", () => {
  it("has the overlap, the counts and both entropies", () => {
    const one = shown();
    expect(overlapText(one.comparison)).toBe(
      "overlap 0.0 %: 0 kept, 1 gained, 1 lost",
    );
    expect(changeText(one.comparison, 0)).toBe("2.000 to 0.500 nats (−1.500)");
    expect(changeText(one.comparison, 1)).toBe("0.100 to 1.000 nats (+0.900)");
    const hover = comparisonHover(one, 0);
    expect(hover).toContain("**Fork lost**");
    expect(hover).toContain("Base: **2.000** nats");
    expect(hover).toContain("run step 3: **0.500** nats");
  });

  it("says where two tokenizers are compared", () => {
    const one = shown();
    const other = traceOf([{ text: "So 24", entropy: 1 }]);
    const comparison = compareTraces(one.traceA, other, {
      kind: "share",
      share: 1,
    });
    expect(comparisonMessage({ ...one, comparison })).toContain(
      "compared at the 1 places where a token begins in both (of 2 and 1)",
    );
    expect(comparisonMessage(one)).not.toContain("different tokens");
  });

  it("keeps names and tokens inert", () => {
    const one = shown(EVIL, EVIL);
    const hover = comparisonHover(one, 0);
    const [head = "", ...fenced] = hover.split(/^`{3,}(?:text)?$/mu);
    expect(head).not.toMatch(/(?<!\\)[[\]<>`$]/u);
    expect(fenced).toHaveLength(2);
    for (const text of [hover, tokenText(one, 0), comparisonMessage(one)])
      expect(text).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/u);
  });
});
