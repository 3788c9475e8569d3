/** Whether two answers are the same number or formula: mathjs parses and evaluates, under a short list of what it may meet. */
import {
  absDependencies,
  acosDependencies,
  addDependencies,
  asinDependencies,
  atanDependencies,
  cosDependencies,
  create,
  divideDependencies,
  expDependencies,
  type FactoryFunctionMap,
  log10Dependencies,
  logDependencies,
  type MathNode,
  multiplyDependencies,
  nthRootDependencies,
  parseDependencies,
  piDependencies,
  powDependencies,
  sinDependencies,
  sqrtDependencies,
  subtractDependencies,
  tanDependencies,
  unaryMinusDependencies,
  unaryPlusDependencies,
} from "mathjs/number";
import { boxedAnswer } from "./answer";
import {
  expressionOf,
  FUNCTIONS,
  MAX_ANSWER_CHARACTERS,
  plainLatex,
  withoutTextCommands,
} from "./latex";

const { parse } = create({
  absDependencies,
  acosDependencies,
  addDependencies,
  asinDependencies,
  atanDependencies,
  cosDependencies,
  divideDependencies,
  expDependencies,
  log10Dependencies,
  logDependencies,
  multiplyDependencies,
  nthRootDependencies,
  parseDependencies,
  piDependencies,
  powDependencies,
  sinDependencies,
  sqrtDependencies,
  subtractDependencies,
  tanDependencies,
  unaryMinusDependencies,
  unaryPlusDependencies,
} as FactoryFunctionMap);

/** Relative to the larger of the two and 1. */
const TOLERANCE = 1e-8;
/** Where formulas with free variables are compared: no special points. */
const POINTS = [0.3571, 0.8123, 1.4639, 2.2717];
const OPERATORS = new Set(["+", "-", "*", "/", "^"]);

/**
 * Whether the completion's answer (see `boxedAnswer`) equals the expected one: as numbers, as formulas of the same
 * variables, as lists of such (ordered in brackets, unordered in braces or bare), or else as the same text.
 */
export function mathsEqual(completion: string, answer: string): boolean {
  const given = boxedAnswer(completion);
  if (given.length > MAX_ANSWER_CHARACTERS) return false;
  return answersEqual(given, boxedAnswer(answer));
}

function answersEqual(given: string, wanted: string): boolean {
  const [a, b] = [plainLatex(given), plainLatex(wanted)];
  if (a === "" || b === "") return false;
  if (a === b) return true;
  const [left, right] = [listOf(a), listOf(b)];
  if (left.items.length !== right.items.length) return false;
  if (left.items.length === 1 && left.bracket === right.bracket)
    return singleEqual(left.items[0]!, right.items[0]!);
  if (left.items.length === 1) return singleEqual(a, b);
  const ordered = (list: List) => "([".includes(list.bracket[0] ?? " ");
  if (ordered(left) || ordered(right)) {
    return (
      left.bracket === right.bracket &&
      left.items.every((item, i) => singleEqual(item, right.items[i]!))
    );
  }
  const rest = [...right.items];
  return left.items.every((item) => {
    const at = rest.findIndex((other) => singleEqual(item, other));
    if (at >= 0) rest.splice(at, 1);
    return at >= 0;
  });
}

interface List {
  /** `()`, `[)`, `{}`, or empty for a bare list. */
  readonly bracket: string;
  readonly items: readonly string[];
}

/** Splits `(1, 2)`, `\{1, 2\}` or `1, 2` at its outermost commas; anything else is a list of one. */
function listOf(latex: string): List {
  const text = latex.replaceAll("\\{", "{").replaceAll("\\}", "}");
  const grouped = /^\d{1,3}(,\d{3})+(\.\d+)?$/.test(text);
  const enclosed = /^([([{])(.*)([)\]}])$/s.exec(text);
  if (enclosed && !grouped) {
    const items = splitCommas(enclosed[2]!);
    if (items && items.length > 1)
      return { bracket: enclosed[1]! + enclosed[3]!, items };
  }
  const items = grouped ? undefined : splitCommas(text);
  return items && items.length > 1
    ? { bracket: "", items }
    : { bracket: "", items: [latex] };
}

/** undefined where the brackets do not balance. */
function splitCommas(text: string): string[] | undefined {
  const items: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if ("([{".includes(text[i]!)) depth++;
    else if (")]}".includes(text[i]!) && --depth < 0) return undefined;
    else if (text[i] === "," && depth === 0) {
      items.push(text.slice(from, i).trim());
      from = i + 1;
    }
  }
  items.push(text.slice(from).trim());
  return depth === 0 ? items : undefined;
}

function singleEqual(given: string, wanted: string): boolean {
  const words = (text: string) =>
    withoutTextCommands(text).replace(/\s+/g, "").toLowerCase();
  if (words(given) === words(wanted)) return true;
  const [a, b] = [valueOf(given, wanted), valueOf(wanted, given)];
  if (!a || !b || a.variables.join() !== b.variables.join()) return false;
  // 50 % may have been asked for as 50 or as 0.5.
  const percent = /%/.test(given) !== /%/.test(wanted);
  const scales = percent ? (/%/.test(given) ? [1, 0.01] : [1, 100]) : [1];
  return scales.some((scale) => {
    const pairs = POINTS.map((point) => [a.at(point) * scale, b.at(point)]);
    return pairs.every(([x, y]) => close(x!, y!));
  });
}

function close(x: number, y: number): boolean {
  if (x === y) return true;
  // An infinity is near nothing but itself.
  if (!Number.isFinite(x) || !Number.isFinite(y)) return false;
  return Math.abs(x - y) <= TOLERANCE * Math.max(1, Math.abs(x), Math.abs(y));
}

interface Formula {
  readonly variables: readonly string[];
  readonly at: (point: number) => number;
}

/** undefined where the text is no formula. @param other the one it is compared with: `x = 5` is 5 where that has no `=` */
function valueOf(latex: string, other: string): Formula | undefined {
  const named = /^[A-Za-z](?:_\{?\w+\}?)?(?:\([a-z]\))?\s*=(.*)$/s.exec(latex);
  const text = named && !other.includes("=") ? named[1]! : latex;
  try {
    const node = parse(expressionOf(text));
    const variables = new Set<string>();
    node.traverse((one, path, parent) => {
      // A function's own name is a symbol too.
      if (path === "fn" && parent?.type === "FunctionNode") return;
      const name = permitted(one);
      if (name) variables.add(name);
    });
    const names = [...variables].sort();
    const code = node.compile();
    return {
      variables: names,
      at: (point) => {
        const scope = Object.fromEntries(
          names.map((name, i) => [name, point * (1 + 0.37 * i)]),
        );
        const value: unknown = code.evaluate({ ...scope, e: Math.E, Infinity });
        return typeof value === "number" ? value : NaN;
      },
    };
  } catch {
    return undefined;
  }
}

/** The variable that a node names, if any. @throws Error for anything beyond arithmetic */
function permitted(node: MathNode): string | undefined {
  const one = node as MathNode & {
    name?: string;
    op?: string;
    fn?: { name: string };
  };
  switch (node.type) {
    case "ConstantNode":
    case "ParenthesisNode":
      return undefined;
    case "OperatorNode":
      if (OPERATORS.has(one.op ?? "")) return undefined;
      break;
    case "FunctionNode":
      if ((FUNCTIONS as readonly string[]).includes(one.fn?.name ?? ""))
        return undefined;
      break;
    case "SymbolNode":
      if (["pi", "e", "Infinity"].includes(one.name!)) return undefined;
      if (/^[A-Za-z]$/.test(one.name!)) return one.name;
      break;
  }
  throw new Error(`${node.type} is no part of an answer.`);
}
