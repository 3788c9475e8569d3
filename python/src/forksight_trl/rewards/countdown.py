"""The verifier of Countdown, with the rules of core/countdown: test/fixtures/countdown-cases.json holds them together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from .answer import last_boxed

MAX_RESPONSE = 20_000
MAX_EXPRESSION = 200
MAX_DEPTH = 32

_PROMPT = re.compile(r"Make (\d{1,9}) from ((?:\d{1,9}, ){0,14}\d{1,9} and \d{1,9}) with", re.ASCII)
_TOKENS = re.compile(r"[0-9]+|[^ \t\r\n\f\v]")


@dataclass(frozen=True)
class Verdict:
    """`reward` is 1 only for `correct`; `reason` is the TypeScript verifier's."""

    reward: int
    well_formed: bool
    reason: str


class _Fault(Exception):
    pass


def parse_prompt(text: str) -> tuple[list[int], int] | None:
    """The numbers and the target that a prompt states, wherever in the text they stand."""
    found = _PROMPT.search(text)
    if not found:
        return None
    return [int(n) for n in re.split(r", | and ", found.group(2))], int(found.group(1))


def verify(response: str, numbers: Sequence[int], target: float) -> Verdict:
    r"""Judges a response by its last `\boxed{}`. Never raises, whatever the text."""
    # As JavaScript counts: in UTF-16 code units.
    if _units(response) > MAX_RESPONSE:
        return Verdict(0, False, "response-too-long")
    content, reason = last_boxed(response)
    if content is None:
        return Verdict(0, False, reason or "")
    expression = content.strip(" \t\r\n")
    if _units(expression) > MAX_EXPRESSION:
        return Verdict(0, False, "expression-too-long")
    try:
        parser = _Parser(_TOKENS.findall(expression))
        value = parser.whole()
    except _Fault as fault:
        return Verdict(0, False, str(fault))
    given, used = Counter(numbers), Counter(parser.used)
    for number in parser.used:
        if given[number] == 0:
            return Verdict(0, False, "number-not-given")
        if used[number] > given[number]:
            return Verdict(0, False, "number-used-twice")
    if len(parser.used) < len(numbers):
        return Verdict(0, False, "number-left-unused")
    correct = value == target
    return Verdict(int(correct), True, "correct" if correct else "wrong-value")


class _Parser:
    """Recursive descent: a sum of products of numbers and parentheses, in exact fractions."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.position = 0
        self.used: list[int] = []

    def whole(self) -> Fraction:
        value = self.sum(0)
        if self.position != len(self.tokens):
            raise _Fault("not-an-expression")
        return value

    def sum(self, depth: int) -> Fraction:
        value = self.product(depth)
        while True:
            if self.accept("+"):
                value += self.product(depth)
            elif self.accept("-"):
                value -= self.product(depth)
            else:
                return value

    def product(self, depth: int) -> Fraction:
        value = self.factor(depth)
        while True:
            if self.accept("*"):
                value *= self.factor(depth)
            elif self.accept("/"):
                divisor = self.factor(depth)
                if divisor == 0:
                    raise _Fault("division-by-zero")
                value /= divisor
            else:
                return value

    def factor(self, depth: int) -> Fraction:
        if depth > MAX_DEPTH:
            raise _Fault("too-deep")
        if self.accept("("):
            value = self.sum(depth + 1)
            if not self.accept(")"):
                raise _Fault("not-an-expression")
            return value
        token = self.tokens[self.position] if self.position < len(self.tokens) else ""
        if not re.fullmatch(r"[0-9]{1,9}", token):
            raise _Fault("not-an-expression")
        self.position += 1
        self.used.append(int(token))
        return Fraction(int(token))

    def accept(self, token: str) -> bool:
        found = self.position < len(self.tokens) and self.tokens[self.position] == token
        self.position += found
        return found


def _units(text: str) -> int:
    return len(text) + sum(ord(c) > 0xFFFF for c in text)
