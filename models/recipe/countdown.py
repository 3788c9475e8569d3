"""The world of the pocket model: Countdown problems, their splits, their prompt and their verifier.

A problem is three or four whole numbers from 1 to 10 and a target from 1 to 50 that some expression over
+, - and * reaches with every number used once. `core/countdown/` is the same task in TypeScript; the two are
held together by `test/fixtures/countdown-cases.json`, which `fixtures.py` writes and both sides check.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from fractions import Fraction

LARGEST_NUMBER = 10
LARGEST_TARGET = 50
# An intermediate result above this is given up at once; it keeps the arithmetic small enough to be mastered.
LARGEST_INTERMEDIATE = 50
# No product above the multiplication table is ever proposed.
LARGEST_PRODUCT = 100

SHARE_OF_FOUR_NUMBERS = 0.3
# Of 100 hash buckets: 0-79 training, 80-84 validation, 85-99 test. The world holds few problems of three numbers, so the
# test takes a generous share.
FIRST_VALIDATION_BUCKET = 80
FIRST_TEST_BUCKET = 85

MAX_RESPONSE_CHARACTERS = 20_000
MAX_EXPRESSION_CHARACTERS = 200
MAX_DEPTH = 32


@dataclass(frozen=True)
class Problem:
    """The given numbers, in the order shown, and the target."""

    numbers: tuple[int, ...]
    target: int


def problem_key(problem: Problem) -> str:
    """The canonical name of a problem, the same for every order of its numbers: `3,4,5=35`."""
    return ",".join(str(n) for n in sorted(problem.numbers)) + f"={problem.target}"


def bucket_of(problem: Problem) -> int:
    """0 to 99: the 32-bit FNV-1a hash of the key, modulo 100. A few lines in any language, and no dependency."""
    state = 0x811C9DC5
    for byte in problem_key(problem).encode("ascii"):
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    return state % 100


def split_of(problem: Problem) -> str:
    """`train`, `validation` or `test`. Splits are disjoint because they depend on the key alone."""
    bucket = bucket_of(problem)
    if bucket >= FIRST_TEST_BUCKET:
        return "test"
    return "validation" if bucket >= FIRST_VALIDATION_BUCKET else "train"


def list_numbers(numbers) -> str:
    """`3 and 4`, `3, 4 and 5`: how a list of numbers is written everywhere in the world."""
    words = [str(n) for n in numbers]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def format_prompt(problem: Problem) -> str:
    """The user's message."""
    return (
        f"Make {problem.target} from {list_numbers(problem.numbers)} with + - * /, each number used once. "
        "Think first, then answer in \\boxed{}."
    )


def chat_prompt(problem: Problem) -> str:
    """The prompt as the chat template renders it, ready for the assistant's first token."""
    return f"<|im_start|>user\n{format_prompt(problem)}<|im_end|>\n<|im_start|>assistant\n"


def step_result(left: int, operator: str, right: int) -> int | None:
    """The result of a step that the search may propose, or None where it keeps away from it."""
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right if left > right else None
    product = left * right
    return product if product <= LARGEST_PRODUCT else None


def draw_problem(rng: random.Random, split: str) -> Problem:
    """A problem of one split. The target is what a random expression gives, so every problem can be solved."""
    while True:
        count = 4 if rng.random() < SHARE_OF_FOUR_NUMBERS else 3
        numbers = tuple(rng.randint(1, LARGEST_NUMBER) for _ in range(count))
        values = list(numbers)
        while len(values) > 1:
            left = values.pop(rng.randrange(len(values)))
            right = values.pop(rng.randrange(len(values)))
            result = step_result(left, rng.choice("+-*"), right)
            if result is None or result > LARGEST_INTERMEDIATE:
                break
            values.append(result)
        else:
            problem = Problem(numbers, values[0])
            if values[0] <= LARGEST_TARGET and values[0] not in numbers and split_of(problem) == split:
                return problem


def different_problems(rng: random.Random, split: str, count: int) -> list[Problem]:
    """`count` problems of a split, no two alike, with the world's share of four numbers."""
    wanted = {4: round(SHARE_OF_FOUR_NUMBERS * count)}
    wanted[3] = count - wanted[4]
    problems: dict[str, Problem] = {}
    while len(problems) < count:
        problem = draw_problem(rng, split)
        size = len(problem.numbers)
        if wanted[size] and problem_key(problem) not in problems:
            problems[problem_key(problem)] = problem
            wanted[size] -= 1
    return list(problems.values())


# ------------------------------------------------------------------------------------------------ verifier


@dataclass(frozen=True)
class Verdict:
    """What the verifier found. `reward` is 1 only for `correct`; a well-formed answer may still be wrong."""

    reward: int
    well_formed: bool
    reason: str
    expression: str | None = None


class _Malformed(Exception):
    pass


def last_boxed(text: str) -> tuple[str | None, str | None]:
    """The contents of the last `\\boxed{...}` with balanced braces, or the reason why there is none."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return None, "no-boxed-answer"
    begin = start + len("\\boxed{")
    depth = 1
    for index in range(begin, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return text[begin:index], None
    return None, "unclosed-box"


def evaluate_expression(text: str) -> tuple[Fraction, list[int]]:
    """The exact value of an expression and the numbers in it, in order of appearance.

    Raises `_Malformed` with a reason (`not-an-expression`, `too-deep`, `division-by-zero`).
    """
    tokens = re.findall(r"[0-9]+|[^\s]", text, flags=re.ASCII)
    used: list[int] = []
    position = 0

    def peek() -> str:
        return tokens[position] if position < len(tokens) else ""

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1]

    def factor(depth: int) -> Fraction:
        if depth > MAX_DEPTH:
            raise _Malformed("too-deep")
        if peek() == "(":
            take()
            value = total(depth + 1)
            if peek() != ")":
                raise _Malformed("not-an-expression")
            take()
            return value
        if re.fullmatch(r"[0-9]{1,9}", peek()):
            used.append(int(take()))
            return Fraction(used[-1])
        raise _Malformed("not-an-expression")

    def product(depth: int) -> Fraction:
        value = factor(depth)
        while peek() in ("*", "/"):
            if take() == "*":
                value *= factor(depth)
                continue
            divisor = factor(depth)
            if divisor == 0:
                raise _Malformed("division-by-zero")
            value /= divisor
        return value

    def total(depth: int) -> Fraction:
        value = product(depth)
        while peek() in ("+", "-"):
            value = value + product(depth) if take() == "+" else value - product(depth)
        return value

    value = total(0)
    if position != len(tokens):
        raise _Malformed("not-an-expression")
    return value, used


def verify(response: str, problem: Problem) -> Verdict:
    """Judge a response by its last `\\boxed{}`. Any expression that is right is right; malformed gets 0 and a reason."""
    if len(response) > MAX_RESPONSE_CHARACTERS:
        return Verdict(0, False, "response-too-long")
    boxed, missing = last_boxed(response)
    if boxed is None:
        return Verdict(0, False, missing or "no-boxed-answer")
    expression = boxed.strip(" \t\r\n")
    if len(expression) > MAX_EXPRESSION_CHARACTERS:
        return Verdict(0, False, "expression-too-long")
    try:
        value, used = evaluate_expression(expression)
    except _Malformed as malformed:
        return Verdict(0, False, str(malformed), expression)
    for number in used:
        if number not in problem.numbers:
            return Verdict(0, False, "number-not-given", expression)
        if used.count(number) > problem.numbers.count(number):
            return Verdict(0, False, "number-used-twice", expression)
    if len(used) < len(problem.numbers):
        return Verdict(0, False, "number-left-unused", expression)
    if value != problem.target:
        return Verdict(0, True, "wrong-value", expression)
    return Verdict(1, True, "correct", expression)
