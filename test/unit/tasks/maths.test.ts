import { describe, expect, it } from "vitest";
import { exactMatch } from "../../../core/tasks/exact";
import { mathsEqual } from "../../../core/tasks/maths";

const boxed = (text: string) => `Thus the answer is $\\boxed{${text}}$.`;

describe("maths equality", () => {
  it.each([
    ["42", "42"],
    ["42.0", "42"],
    ["\\frac{1}{2}", "0.5"],
    ["\\dfrac12", "1/2"],
    ["3\\frac{1}{2}", "7/2"],
    ["-\\frac{3}{4}", "-0.75"],
    ["1{,}234", "1234"],
    ["1,234", "1234"],
    ["2\\sqrt{3}", "\\sqrt{12}"],
    ["\\sqrt[3]{8}", "2"],
    ["\\frac{\\sqrt{2}}{2}", "\\sin(\\pi/4)"],
    ["10^{3}", "1000"],
    ["x^2+2x+1", "(x+1)^2"],
    ["xy+1", "1+yx"],
    ["x = 5", "5"],
    ["90^\\circ", "90"],
    ["5\\text{ cm}", "5"],
    ["50\\%", "0.5"],
    ["50\\%", "50"],
    ["(1, 2)", "\\left(1,\\,2\\right)"],
    ["(0.5, \\infty)", "(\\frac12, \\infty)"],
    ["3, -3", "-3, 3"],
    ["\\{2, 1\\}", "1,2"],
    ["\\text{Evelyn}", "Evelyn"],
    ["\\$18.90", "18.9"],
    ["2\\pi", "6.283185307179586"],
  ])("%s is %s", (given, wanted) => {
    expect(mathsEqual(boxed(given), wanted)).toBe(true);
  });

  it.each([
    ["42", "43"],
    ["0.333", "1/3"],
    ["(1, 2)", "(2, 1)"],
    ["[1, 2]", "(1, 2)"],
    ["1, 1", "1, 2"],
    ["1,2,3", "1,2"],
    ["x+1", "y+1"],
    ["x^2", "x^3"],
    ["", "0"],
    ["\\text{Bob}", "Evelyn"],
    ["1:1000000000", "5"],
    ["import('fs')", "5"],
    ["[1;2][1]", "1"],
    ["f(x)=1", "2"],
    ["9^9^9^9^9", "1"],
    ["((((", "1"],
  ])("%s is not %s", (given, wanted) => {
    expect(mathsEqual(boxed(given), wanted)).toBe(false);
  });

  it("takes the last box, then what follows the thinking", () => {
    expect(mathsEqual("\\boxed{1} no, \\boxed{2}", "2")).toBe(true);
    expect(mathsEqual("<think>is it 1?</think> 7", "7")).toBe(true);
    expect(mathsEqual("\\boxed{5", "6")).toBe(false);
  });

  it("does not take long over what a broken model writes", () => {
    const deep = "(".repeat(100_000);
    expect(mathsEqual(boxed(deep), "1")).toBe(false);
    expect(mathsEqual(boxed("\\frac".repeat(5000)), "1")).toBe(false);
    expect(mathsEqual("{".repeat(100_000), "1")).toBe(false);
  });
});

describe("exact match", () => {
  it("ignores white space at the ends, nothing else", () => {
    expect(exactMatch("\\boxed{ Paris }", "Paris")).toBe(true);
    expect(exactMatch("<think>hm</think>\n\nNew  York\n", "New York")).toBe(
      true,
    );
    expect(exactMatch("paris", "Paris")).toBe(false);
  });
});
