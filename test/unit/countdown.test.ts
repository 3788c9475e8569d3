import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { evaluateExpression } from "../../core/countdown/expression";
import {
  bucketOf,
  type CountdownProblem,
  drawProblem,
  formatPrompt,
  parsePrompt,
  problemKey,
  seededRandom,
  splitOf,
} from "../../core/countdown/problem";
import { REASON_TEXT, verifyCountdown } from "../../core/countdown/verify";

interface Cases {
  problems: (CountdownProblem & {
    key: string;
    bucket: number;
    split: string;
    prompt: string;
  })[];
  responses: (CountdownProblem & {
    response: string;
    verdict: { reason: string };
  })[];
}

/** Written by the Python twin of this task, models/recipe/countdown.py. */
const cases = JSON.parse(
  readFileSync(
    new URL("../fixtures/countdown-cases.json", import.meta.url),
    "utf8",
  ),
) as Cases;

const problem = { numbers: [3, 4, 5], target: 35 };
const boxed = (expression: string, of: CountdownProblem = problem) =>
  verifyCountdown(`<think>\nSo 7.\n</think>\n\n\\boxed{${expression}}`, of);

describe("the verifier", () => {
  it("rewards any correct expression, by exact arithmetic", () => {
    expect(boxed("(3 + 4) * 5")).toEqual({
      reward: 1,
      wellFormed: true,
      reason: "correct",
      expression: "(3 + 4) * 5",
    });
    expect(boxed("5*(4+3)").reward).toBe(1);
    const fractions = { numbers: [8, 3, 8, 3], target: 24 };
    expect(boxed("8 / (3 - 8 / 3)", fractions).reward).toBe(1);
  });

  it.each([
    ["wrong-value", "3 + 4 * 5"],
    ["wrong-value", "5 - 4 - 3"],
    ["number-used-twice", "5 * 4 + 5 * 3"],
    ["number-not-given", "35"],
    ["number-left-unused", "4 * 5"],
    ["division-by-zero", "5 / (4 - 3 - 3 / 3)"],
    ["not-an-expression", ""],
    ["not-an-expression", "(3 + 4) * 5 = 35"],
    ["not-an-expression", "(3 + 4"],
    ["not-an-expression", "3 + 4) * 5"],
    ["not-an-expression", "-3 + 4 * 5"],
    ["not-an-expression", "(3 + 4)(5)"],
    ["not-an-expression", "process.exit(1)"],
    ["too-deep", `${"(".repeat(40)}3${")".repeat(40)} + 4 * 5`],
    ["expression-too-long", "3 + ".repeat(100) + "4"],
    ["expression-too-long", "(".repeat(15_000)],
  ])("gives 0 for %s: %.40s", (reason, expression) => {
    const verdict = boxed(expression);
    expect(verdict.reason).toBe(reason);
    expect(verdict.reward).toBe(0);
    expect(verdict.wellFormed).toBe(reason === "wrong-value");
  });

  it("says what is wrong with the box itself", () => {
    expect(verifyCountdown("It is 35.", problem).reason).toBe(
      "no-boxed-answer",
    );
    expect(verifyCountdown("\\boxed{3 + {4}", problem).reason).toBe(
      "unclosed-box",
    );
    expect(verifyCountdown("wait ".repeat(100_000), problem).reason).toBe(
      "response-too-long",
    );
  });

  it("takes the last box", () => {
    const text = "\\boxed{3 + 4 + 5}, no: \\boxed{(3 + 4) * 5}";
    expect(verifyCountdown(text, problem).reward).toBe(1);
    expect(verifyCountdown(`${text} \\boxed{`, problem).reason).toBe(
      "unclosed-box",
    );
  });

  it("counts a number that is given twice", () => {
    const twice = { numbers: [3, 3, 5], target: 11 };
    expect(boxed("3 + 3 + 5", twice).reward).toBe(1);
    expect(boxed("3 + 5", twice).reason).toBe("number-left-unused");
    expect(boxed("3 + 3 + 3 + 5", twice).reason).toBe("number-used-twice");
  });

  it("agrees with the Python verifier on every case, and every reason has a sentence", () => {
    const reasons = new Set<string>();
    for (const { response, numbers, target, verdict } of cases.responses) {
      expect(verifyCountdown(response, { numbers, target })).toEqual(verdict);
      reasons.add(verdict.reason);
    }
    expect([...reasons].sort()).toEqual(Object.keys(REASON_TEXT).sort());
  });

  it("never throws, whatever the text", () => {
    const random = seededRandom(3);
    const pieces = ["(", ")", "3", "4", "5", "+", "-", "*", "/", "{", "}", " "];
    for (let round = 0; round < 3000; round++) {
      let text = "\\boxed{";
      for (let i = 0; i < 14; i++)
        text += pieces[Math.floor(random() * pieces.length)];
      const verdict = verifyCountdown(`${text}}`, problem);
      expect(verdict.reason in REASON_TEXT).toBe(true);
    }
  });
});

describe("expressions", () => {
  it("agree with JavaScript's own arithmetic where that is exact", () => {
    const value = (text: string) => {
      const result = evaluateExpression(text);
      return result.ok ? result.value : result.fault;
    };
    expect(value("1 - 2 - 3 * (4 - 10) * 2")).toEqual({
      numerator: 35n,
      denominator: 1n,
    });
    expect(value("1 / 3 - 1 / 2")).toEqual({
      numerator: -1n,
      denominator: 6n,
    });
    expect(value("(2 - 2) / 7")).toEqual({ numerator: 0n, denominator: 1n });
    expect(value("7 / (3 - 5)")).toEqual({ numerator: -7n, denominator: 2n });
  });
});

describe("problems", () => {
  it("have the key, bucket, split and prompt that Python gives them", () => {
    for (const { key, bucket, split, prompt, ...given } of cases.problems) {
      expect(problemKey(given)).toBe(key);
      expect(bucketOf(given)).toBe(bucket);
      expect(splitOf(given)).toBe(split);
      expect(formatPrompt(given)).toBe(prompt);
      expect(parsePrompt(prompt)).toEqual(given);
    }
  });

  it("are read from a whole chat, and only where they are stated", () => {
    const chat = `<|im_start|>user\n${formatPrompt(problem)}<|im_end|>\n`;
    expect(parsePrompt(chat)).toEqual(problem);
    expect(parsePrompt("Make haste.")).toBeUndefined();
  });

  it("are in one split whatever the order of their numbers", () => {
    expect(splitOf({ numbers: [5, 3, 4], target: 35 })).toBe(splitOf(problem));
  });

  it("are drawn from one split, solvable, and the same for the same seed", () => {
    const draw = () => {
      const random = seededRandom(7);
      return Array.from({ length: 60 }, () => drawProblem(random, "test"));
    };
    const problems = draw();
    expect(draw()).toEqual(problems);
    for (const drawn of problems) {
      expect(splitOf(drawn)).toBe("test");
      expect(drawn.numbers.length === 3 || drawn.numbers.length === 4).toBe(
        true,
      );
      expect(canReach(drawn.numbers, drawn.target)).toBe(true);
    }
  });
});

/** Whether + - * reach the target at all: by trying everything. */
function canReach(values: readonly number[], target: number): boolean {
  if (values.length === 1) return values[0] === target;
  return values.some((a, i) =>
    values.some((b, j) => {
      if (i === j) return false;
      const rest = values.filter((_, k) => k !== i && k !== j);
      return [a + b, a - b, a * b].some((result) =>
        canReach([...rest, result], target),
      );
    }),
  );
}
