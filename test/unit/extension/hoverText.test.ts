import { describe, expect, it } from "vitest";
import { hoverText } from "../../../extension/inspect/hoverText";
import { LiveTrace } from "../../../extension/inspect/liveTrace";
import { visibleText } from "../../../core/panels/visibleText";
import {
  cellWidth,
  escapeMarkdown,
  inertBlock,
} from "../../../extension/inspect/inertText";
import { traceOf } from "./tokenised";

const TOP_HALF = { kind: "share", share: 0.5 } as const;

describe("visibleText", () => {
  it("makes white space and controls visible", () => {
    expect(visibleText(" wait\n\t\r")).toBe("·wait↵→␍");
    expect(visibleText("\u0000\u001b[31m")).toBe("␀␛[31m");
    expect(visibleText("a\u202egnp.exe\u2066")).toBe(
      "a<U+202E>gnp.exe<U+2066>",
    );
    expect(visibleText("\u200b\u00a0\u2028")).toBe("<U+200B><U+00A0><U+2028>");
    expect(visibleText("\ud83d")).toBe("<U+D83D>");
    expect(visibleText("für 中文 😀")).toBe("für·中文·😀");
  });

  it("counts two cells for wide characters", () => {
    expect(cellWidth("ab中文")).toBe(6);
  });
});

describe("inert text", () => {
  it("fences with more backticks than stand within", () => {
    expect(inertBlock(["``` x ````"])).toBe("`````text\n``` x ````\n`````");
    expect(inertBlock(["plain"])).toBe("```text\nplain\n```");
  });

  it("escapes names in running text", () => {
    const escaped = escapeMarkdown("[x](command:evil) <b>`$(zap)` | *a*_b_");
    expect(escaped).not.toMatch(/(?<!\\)[[\]()<>`*_|$]/);
  });
});

describe("hoverText", () => {
  const tokens = [
    { text: "So", entropy: NaN },
    {
      text: " wait",
      entropy: 1.25,
      logprob: Math.log(0.25),
      rank: 2,
      top: [
        [" so", 0.5],
        [" wait", 0.25],
        ["|`<img>`", 0.125],
      ] as const,
    },
    {
      text: "\n",
      entropy: 0.02,
      logprob: Math.log(0.0005),
      rank: 17,
      top: [
        [".", 0.99],
        ["!", 0.005],
        ["?", 0.001],
      ] as const,
    },
  ];
  const live = LiveTrace.of(traceOf(tokens, 151_936), 0, TOP_HALF);

  it("says entropy, percentile, probability, rank, and lists the alternatives", () => {
    expect(hoverText(live, [1])).toBe(
      [
        "**Forking token** · entropy **1.250** nats · percentile **100.0**  ",
        "Probability **25.0 %** · rank **2** of 151,936",
        "",
        "```text",
        "  1 ·so         50.0 % ██████████",
        "▸ 2 ·wait       25.0 % █████",
        "  3 |`<img>`    12.5 % ██▌",
        "    all others  12.5 % ██▌",
        "```",
        "",
        "*Test model · F32 · T = 1 · fast*",
      ].join("\n"),
    );
  });

  it("adds the token that stands there where it is not among the most probable", () => {
    const text = hoverText(live, [2]);
    expect(text).toContain(
      "Token · entropy **0.020** nats · percentile **50.0**",
    );
    expect(text).toContain("▸ 17 ↵");
    expect(text).toContain("<0.1 % ▏");
  });

  it("says why a first token has no entropy", () => {
    expect(hoverText(live, [0])).toContain("No entropy: nothing stands before");
  });

  it("shows each token of a character that is split", () => {
    const text = hoverText(live, [1, 2]);
    expect(text).toContain("*Token 1 of the 2 that make up this character*");
    expect(text).toContain("*Token 2 of the 2 that make up this character*");
  });

  it("lets no token's text become markup", () => {
    const evil = "```\n[click](command:x) <script> ``";
    const trace = traceOf([
      { text: "a" },
      { text: evil, entropy: 1, logprob: 0, rank: 1, top: [[evil, 1]] },
    ]);
    const lines = hoverText(LiveTrace.of(trace, 0, TOP_HALF), [1]).split("\n");
    const fences = lines.filter((line) => /^`{3,}(text)?$/.test(line));
    expect(fences).toEqual(["````text", "````"]);
    const inside = lines.slice(
      lines.indexOf("````text") + 1,
      lines.lastIndexOf("````"),
    );
    expect(inside).toHaveLength(1);
    const outside = lines.filter((line) => !inside.includes(line)).join("\n");
    expect(outside).not.toMatch(/click|script/);
  });
});
