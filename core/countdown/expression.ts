/** Arithmetic expressions over whole numbers, evaluated exactly and never by `eval`. */

/** Why a text is no expression with a value. */
export type ExpressionFault =
  "not-an-expression" | "too-deep" | "division-by-zero";

/** Parentheses may nest this deep. */
export const MAX_DEPTH = 32;

/** An exact fraction in lowest terms with a positive denominator. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export type Evaluation =
  | {
      readonly ok: true;
      readonly value: Rational;
      /** The numbers that stand in the expression, in order of appearance. */
      readonly used: readonly number[];
    }
  | { readonly ok: false; readonly fault: ExpressionFault };

class Fault extends Error {
  constructor(readonly fault: ExpressionFault) {
    super(fault);
  }
}

/**
 * The value of an expression of whole numbers (at most nine digits), `+ - * /`, parentheses and ASCII white space.
 *
 * The caller bounds the length: parsing is linear, but the numbers grow with it.
 */
export function evaluateExpression(text: string): Evaluation {
  try {
    const parser = new Parser(text.match(/[0-9]+|[^ \t\r\n\f\v]/gu) ?? []);
    const value = parser.whole();
    return { ok: true, value, used: parser.used };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, fault: error.fault };
    throw error;
  }
}

/** Recursive descent: a sum of products of numbers and parentheses. */
class Parser {
  readonly used: number[] = [];
  private position = 0;

  constructor(private readonly tokens: readonly string[]) {}

  whole(): Rational {
    const value = this.sum(0);
    if (this.position !== this.tokens.length)
      throw new Fault("not-an-expression");
    return value;
  }

  private sum(depth: number): Rational {
    let value = this.product(depth);
    for (;;) {
      if (this.accept("+")) value = add(value, this.product(depth), 1n);
      else if (this.accept("-")) value = add(value, this.product(depth), -1n);
      else return value;
    }
  }

  private product(depth: number): Rational {
    let value = this.factor(depth);
    for (;;) {
      if (this.accept("*")) {
        const { numerator, denominator } = this.factor(depth);
        value = reduced(
          value.numerator * numerator,
          value.denominator * denominator,
        );
      } else if (this.accept("/")) {
        const { numerator, denominator } = this.factor(depth);
        if (numerator === 0n) throw new Fault("division-by-zero");
        value = reduced(
          value.numerator * denominator,
          value.denominator * numerator,
        );
      } else return value;
    }
  }

  private factor(depth: number): Rational {
    if (depth > MAX_DEPTH) throw new Fault("too-deep");
    if (this.accept("(")) {
      const value = this.sum(depth + 1);
      if (!this.accept(")")) throw new Fault("not-an-expression");
      return value;
    }
    const token = this.tokens[this.position];
    if (token === undefined || !/^[0-9]{1,9}$/.test(token))
      throw new Fault("not-an-expression");
    this.position++;
    this.used.push(Number(token));
    return { numerator: BigInt(token), denominator: 1n };
  }

  private accept(token: string): boolean {
    if (this.tokens[this.position] !== token) return false;
    this.position++;
    return true;
  }
}

function add(a: Rational, b: Rational, sign: bigint): Rational {
  return reduced(
    a.numerator * b.denominator + sign * b.numerator * a.denominator,
    a.denominator * b.denominator,
  );
}

function reduced(numerator: bigint, denominator: bigint): Rational {
  let a = numerator < 0n ? -numerator : numerator;
  let b = denominator < 0n ? -denominator : denominator;
  while (b !== 0n) [a, b] = [b, a % b];
  const divisor = denominator < 0n ? -a : a;
  return divisor === 0n
    ? { numerator: 0n, denominator: 1n }
    : {
        numerator: numerator / divisor,
        denominator: denominator / divisor,
      };
}
