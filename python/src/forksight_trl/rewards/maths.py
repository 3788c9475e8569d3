r"""Whether two answers are the same number or formula.

math-verify decides where it is installed. Without it, a small reader of our own compares texts, numbers, fractions,
roots, percentages, powers, pi and lists of these; formulas with variables then count as equal only where their texts
are. `METHOD` says which of the two is at work, and the run's log repeats it.
"""

from __future__ import annotations

import ast
import importlib.util
import math
import re
from typing import Any

from .answer import boxed_answer

MAX_ANSWER = 500
_TOLERANCE = 1e-8

INSTALLED = importlib.util.find_spec("math_verify") is not None
METHOD = (
    "maths answers are compared by math-verify"
    if INSTALLED
    else "maths answers are compared by a small reader of numbers, because math-verify is not installed: "
    "formulas with variables are equal only where their texts are"
)


def maths_equal(completion: str, answer: str) -> bool:
    r"""Whether the completion's answer (its last `\boxed{}`, else its end) equals the expected one."""
    given, wanted = boxed_answer(completion), boxed_answer(answer)
    if len(given) > MAX_ANSWER:
        return False
    if INSTALLED:
        return _verified(given, wanted)
    return plainly_equal(given, wanted)


def _verified(given: str, wanted: str) -> bool:
    from math_verify import parse, verify

    # Without a time limit of its own: it works by signals, which only the main thread may set.
    gold = parse(f"${wanted}$", parsing_timeout=None)
    target = parse(f"${given}$", parsing_timeout=None)
    return bool(verify(gold, target, timeout_seconds=None)) or plainly_equal(given, wanted)


def plainly_equal(given: str, wanted: str) -> bool:
    """The comparison without math-verify."""
    a, b = _plain(given), _plain(wanted)
    if not a or not b:
        return False
    if a == b:
        return True
    left, right = _items(a), _items(b)
    if len(left[1]) != len(right[1]):
        return False
    if len(left[1]) == 1:
        return _single(a, b)
    ordered = left[0][:1] in ("(", "[") or right[0][:1] in ("(", "[")
    if ordered:
        return left[0] == right[0] and all(_single(x, y) for x, y in zip(left[1], right[1], strict=True))
    rest = list(right[1])
    for one in left[1]:
        match = next((other for other in rest if _single(one, other)), None)
        if match is None:
            return False
        rest.remove(match)
    return True


def _plain(text: str) -> str:
    """Drops what only sets the type."""
    text = re.sub(r"\\(?:left|right|displaystyle|limits|[bB]igg?)\b", "", text[:MAX_ANSWER])
    text = re.sub(r"\\([()\[\]])", r"\1", text)
    text = re.sub(r"\\[!,;: ]|\\q?quad\b|~", " ", text)
    text = re.sub(r"\\?\$", "", text)
    text = re.sub(r"\^\s*\{?\s*(?:\\circ|\\degree)\s*\}?|\\degree\b|°", "", text)
    text = text.replace("−", "-").replace("–", "-")  # noqa: RUF001 (signs as people type them)
    text = re.sub(r"(\d)\{,\}(\d)", r"\1,\2", text).strip()
    return re.sub(r"[.;]$", "", text).strip()


def _items(text: str) -> tuple[str, list[str]]:
    """Splits `(1, 2)`, `{1, 2}` or `1, 2` at its outermost commas; anything else is a list of one."""
    bare = text.replace("\\{", "{").replace("\\}", "}")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", bare):
        return "", [text]
    enclosed = re.fullmatch(r"([(\[{])(.*)([)\]}])", bare, re.DOTALL)
    inner = _split(enclosed.group(2)) if enclosed else None
    if enclosed and inner and len(inner) > 1:
        return enclosed.group(1) + enclosed.group(3), inner
    parts = _split(bare)
    return ("", parts) if parts and len(parts) > 1 else ("", [text])


def _split(text: str) -> list[str] | None:
    items, depth, start = [], 0, 0
    for i, character in enumerate(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth < 0:
                return None
        elif character == "," and depth == 0:
            items.append(text[start:i].strip())
            start = i + 1
    items.append(text[start:].strip())
    return items if depth == 0 else None


def _single(given: str, wanted: str) -> bool:
    if _words(given) == _words(wanted):
        return True
    a, b = _value(given), _value(wanted)
    if a is None or b is None:
        return False
    # 50 % may have been asked for as 50 or as 0.5.
    scales = [1.0]
    if ("%" in given) != ("%" in wanted):
        scales = [1.0, 0.01] if "%" in given else [1.0, 100.0]
    return any(abs(a * s - b) <= _TOLERANCE * max(1.0, abs(a * s), abs(b)) for s in scales)


_TEXT = re.compile(r"\\(?:text|textbf|textit|mathrm|mbox|operatorname)\s*\{([^{}]*)\}")


def _words(text: str) -> str:
    return re.sub(r"\s+", "", _TEXT.sub(r"\1", text)).lower()


def _value(text: str) -> float | None:
    named = re.fullmatch(r"[A-Za-z]\s*=(.*)", text, re.DOTALL)
    source = _expression(named.group(1) if named else text)
    try:
        value = _evaluate(ast.parse(source, mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError, TypeError):
        return None
    return value if math.isfinite(value) else None


def _expression(text: str) -> str:
    text = _TEXT.sub(" ", text)
    text = re.sub(r"\b\d{1,3}(?:,\d{3})+\b", lambda match: match.group().replace(",", ""), text)
    text = re.sub(r"\\[dt]frac", r"\\frac", text)
    text = re.sub(r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", text)
    text = re.sub(r"(\d)\s*\\frac\{(\d+)\}\{(\d+)\}", r"(\1+\\frac{\2}{\3})", text)
    inner = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
    for _ in range(16):
        replaced = re.sub(r"\\frac\s*" + inner + r"\s*" + inner, r"((\1)/(\2))", text)
        replaced = re.sub(r"\\sqrt\s*\[(\d+)\]\s*" + inner, r"((\2)^(1/\1))", replaced)
        replaced = re.sub(r"\\sqrt\s*(?:" + inner + r"|(\d))", lambda m: f"sqrt({m.group(1) or m.group(2)})", replaced)
        if replaced == text:
            break
        text = replaced
    text = re.sub(r"\\(?:cdot|times|ast)\b|[×·]", "*", text)  # noqa: RUF001 (signs as people type them)
    text = re.sub(r"\\div\b|÷", "/", text)
    text = re.sub(r"\\pi\b|π", "pi", text)
    text = re.sub(r"\\?%", "", text).replace("{", "(").replace("}", ")").replace("^", "**")
    # 2pi, 3(4), (1)(2), 2sqrt(3): products without a sign.
    text = re.sub(r"(?<=[\d)])\s*(?=[(a-z])", "*", text.strip())
    # 007 is no literal of Python.
    return re.sub(r"(?<![\d.])0+(?=\d)", "", text)


def _evaluate(node: Any) -> float:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _evaluate(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _evaluate(left), _evaluate(right))
        case ast.Name(id="pi"):
            return math.pi
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner], keywords=[]):
            return math.sqrt(_evaluate(inner))
    raise ValueError("no number")


def _binary(op: ast.operator, a: float, b: float) -> float:
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Div():
            return a / b
        case ast.Pow():
            return math.pow(a, b)
    raise ValueError("no number")
