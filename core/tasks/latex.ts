/** From an answer as people and models write it (LaTeX or plain) to an expression that mathjs parses. */

/** Longest answer that is looked at, in UTF-16 code units. */
export const MAX_ANSWER_CHARACTERS = 500;

/** Functions that an answer may name, as mathjs knows them. */
export const FUNCTIONS = [
  "sqrt",
  "nthRoot",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "log",
  "log10",
  "exp",
  "abs",
] as const;

const RENAMED: Readonly<Record<string, string>> = {
  ln: "log",
  lg: "log10",
  arcsin: "asin",
  arccos: "acos",
  arctan: "atan",
};

/** Drops what only sets the type: dollar signs, spacing, \left and \right, \text around units, the final full stop. */
export function plainLatex(answer: string): string {
  return answer
    .slice(0, MAX_ANSWER_CHARACTERS)
    .replace(/\\(?:left|right|displaystyle|limits|big|Big|bigg|Bigg)\b/g, "")
    .replace(/\\[(){}[\]]/g, (escaped) =>
      "{}".includes(escaped[1]!) ? escaped : escaped[1]!,
    )
    .replace(/\\[!,;: ]|\\q?quad\b|~/g, " ")
    .replace(/\\?\$/g, "")
    .replace(/\^\s*\{?\s*(?:\\circ|\\degree)\s*\}?|\\degree\b|°/g, "")
    .replace(/−|–/g, "-")
    .replace(/(\d)\{,\}(\d)/g, "$1,$2")
    .trim()
    .replace(/[.;]$/, "")
    .trim();
}

/** `\text{...}` and its kin, with what stands in them. */
const TEXT =
  /\\(?:text|textbf|textit|mathrm|mbox|operatorname)\s*\{([^{}]*)\}/g;

/** The words of an answer that is text, `\text{Evelyn}`. */
export function withoutTextCommands(latex: string): string {
  return latex.replace(TEXT, "$1").trim();
}

/** An expression for mathjs; what it cannot be is left as it is, for the parser to refuse. */
export function expressionOf(latex: string): string {
  let text = latex.replace(TEXT, " ");
  // 1,234,567 is one number; a list of numbers has been split before.
  text = text.replace(/\b\d{1,3}(?:,\d{3})+\b/g, (digits) =>
    digits.replaceAll(",", ""),
  );
  text = text
    .replace(/\\[dt]frac/g, "\\frac")
    .replace(/\\frac\s*(\d)\s*(\d)/g, "\\frac{$1}{$2}");
  // 3\frac{1}{2} is a mixed number, not a product.
  text = text.replace(/(\d)\s*\\frac\{(\d+)\}\{(\d+)\}/g, "$1+\\frac{$2}{$3}");
  text = replaceCommands(text);
  return text
    .replace(/\\(?:cdot|times|ast)\b|×|·/g, "*")
    .replace(/\\div\b|÷/g, "/")
    .replace(/\\pi\b|π/g, " pi ")
    .replace(/\\infty\b|∞/g, " Infinity ")
    .replace(/\\?%/g, "")
    .replace(
      /\\([a-zA-Z]+)/g,
      (_, name: string) => ` ${RENAMED[name] ?? name} `,
    )
    .replace(/[{]/g, "(")
    .replace(/[}]/g, ")")
    .replace(/[A-Za-z]+/g, (word) => letters(word))
    .replace(/\s+/g, " ")
    .trim();
}

/** \frac{a}{b}, \sqrt{a} and \sqrt[n]{a}, innermost braces included, by reading arguments one by one. */
function replaceCommands(text: string): string {
  let rest = text;
  for (let i = 0; i < 64; i++) {
    const at = Math.max(rest.lastIndexOf("\\frac"), rest.lastIndexOf("\\sqrt"));
    if (at < 0) break;
    const name = rest.slice(at, at + 5);
    let from = at + 5;
    let degree: string | undefined;
    const bracket = /^\s*\[(\d+)\]/.exec(rest.slice(from));
    if (name === "\\sqrt" && bracket) {
      degree = bracket[1];
      from += bracket[0].length;
    }
    const first = argument(rest, from);
    const second = name === "\\frac" ? argument(rest, first.end) : first;
    const replaced =
      name === "\\frac"
        ? `((${first.text})/(${second.text}))`
        : degree === undefined
          ? ` sqrt(${first.text})`
          : ` nthRoot(${first.text},${degree})`;
    rest = rest.slice(0, at) + replaced + rest.slice(second.end);
  }
  return rest;
}

/** The braced group, or the one character, that follows. */
function argument(text: string, from: number): { text: string; end: number } {
  let start = from;
  while (text[start] === " ") start++;
  if (text[start] !== "{") return { text: text[start] ?? "", end: start + 1 };
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0)
      return { text: text.slice(start + 1, i), end: i + 1 };
  }
  return { text: text.slice(start + 1), end: text.length };
}

/** A word that is no function's or constant's name is a product of letters. */
function letters(word: string): string {
  const known: readonly string[] = [...FUNCTIONS, "pi", "Infinity"];
  return known.includes(word) ? word : [...word].join(" ");
}
