"""A noisy search in words: the only teacher of the pocket model.

The searcher picks numbers and operations at random, computes, judges against the target, backs up, and after a
bounded number of tries gives up with its last try. It is never told which first step is good, and what it writes
is kept whether it succeeds or not, so that reinforcement learning finds room.

The text restates what remains after every step and the target beside every judgement. That makes most tokens
certain, as in real chains of thought, and keeps what a judgement needs close to it.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field

from countdown import (
    LARGEST_INTERMEDIATE,
    LARGEST_PRODUCT,
    Problem,
    chat_prompt,
    format_prompt,
    list_numbers,
    step_result,
)

# How often the searcher sees at once that the last two numbers make the target, if they do.
INSIGHT = 0.5
# How often it tries another operation on the same last two numbers before it backs up.
SAME_PAIR_AGAIN = 0.3
# Tries before it gives up, drawn anew for each problem.
PATIENCE = {3: (2, 3, 4), 4: (2, 3)}
# Share of training documents in the form of a plain text file, with no chat template around them.
PLAIN_SHARE = 0.1

RESTATE = (
    "I need {target} from {numbers}.",
    "The target is {target} and I have {numbers}.",
    "I have {numbers} and want {target}.",
    "Using {numbers}, I want to reach {target}.",
)
FIRST = ("Let me try", "First,", "Maybe", "Perhaps", "Suppose I take", "I could start with", "Let me start with")
INTERJECTION = ("Wait,", "Hmm,", "Now", "Okay,", "No,", "")
PROPOSAL = (
    "maybe",
    "perhaps",
    "suppose I take",
    "let me try",
    "instead",
    "alternatively,",
    "what about",
    "what if I use",
    "I could try",
)
REMAIN = (", leaving {rest}.", ", so {rest} remain.", ", which leaves {rest}.", ". Now I have {rest}.")
NEXT = ("Then", "Next,", "So", "Now", "And then", "After that,")
TOO_BIG_ALREADY = (", but {value} is too big.", ", and that is too big.", ". No, {value} is too big already.")
SAME_PAIR = ("Or", "Maybe", "Or perhaps", "But what about", "Instead,")
DOUBT = ("", "But ", "However, ", "No, ", "Hmm, ")
WRONG = (
    "{value} is not {target}, it is too {size}.",
    "I need {target}, so {value} is too {size}.",
    "{value} is {compared} than {target}.",
    "that is {value} and not {target}, so it is too {size}.",
)
CLOSE = ("{value} is close to {target}, but no.", "{value} is close, but it is not {target}.")
RIGHT = ("{value} is the target.", "Yes, {value} is the target.", "That is {value}, so it works.", "Yes, that works.")
CONCLUDE = ("So {expression} = {value}.", "Let me check: {expression} = {value}.", "Therefore {expression} = {value}.")
GIVE_UP = (
    "I will stop here. The last try was {expression} = {value}.",
    "I give up. My last try was {expression} = {value}.",
)
ANSWER = ("The answer is \\boxed{{{expression}}}.", "So the answer is \\boxed{{{expression}}}.", "\\boxed{{{expression}}}")
ANSWER_UNSURE = ("I did not find it. My last try is \\boxed{{{expression}}}.",)


@dataclass
class _Operand:
    value: int
    expression: str

    def nested(self) -> str:
        return self.expression if self.expression.isdigit() else f"({self.expression})"


@dataclass
class _Step:
    left: _Operand
    operator: str
    right: _Operand
    result: _Operand = field(init=False)

    def __post_init__(self) -> None:
        value = step_result(self.left.value, self.operator, self.right.value)
        assert value is not None
        self.result = _Operand(value, f"{self.left.nested()} {self.operator} {self.right.nested()}")

    def name(self) -> str:
        """The same for both orders of a sum or a product."""
        low, high = sorted((self.left.value, self.right.value))
        return f"{low} {self.operator} {high}"

    def text(self) -> str:
        return f"{self.left.value} {self.operator} {self.right.value} = {self.result.value}"


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]


def _draw_step(operands: list[_Operand], avoid: set[str], rng: random.Random) -> _Step:
    """A random step; it keeps away from the texts in `avoid` unless 20 draws in a row fall on one of them."""
    for draw in itertools.count():
        left, right = rng.sample(operands, 2)
        operator = rng.choice("+-*")
        if operator == "-" and left.value < right.value:
            left, right = right, left
        if step_result(left.value, operator, right.value) is not None:
            step = _Step(left, operator, right)
            if draw >= 20 or step.name() not in avoid:
                return step
    raise AssertionError("unreachable")


def _final_steps(pair: list[_Operand]) -> list[_Step]:
    first, second = pair if pair[0].value >= pair[1].value else pair[::-1]
    return [_Step(first, o, second) for o in "+-*" if step_result(first.value, o, second.value) is not None]


def _draw_final_step(pair: list[_Operand], target: int, rng: random.Random) -> _Step:
    steps = _final_steps(pair)
    solving = [s for s in steps if s.result.value == target]
    step = rng.choice(solving) if solving and rng.random() < INSIGHT else rng.choice(steps)
    if step.operator != "-" and rng.random() < 0.5:
        step = _Step(step.right, step.operator, step.left)
    return step


def _judge(value: int, target: int, rng: random.Random) -> str:
    if value == target:
        return rng.choice(RIGHT).format(value=value)
    if abs(value - target) <= 2 and rng.random() < 0.4:
        return rng.choice(CLOSE).format(value=value, target=target)
    size, compared = ("big", "bigger") if value > target else ("small", "smaller")
    text = rng.choice(WRONG).format(value=value, target=target, size=size, compared=compared)
    return _capitalised(rng.choice(DOUBT) + text)


def _opening(first: bool, rng: random.Random) -> str:
    if first:
        return rng.choice(FIRST)
    return _capitalised(f"{rng.choice(INTERJECTION)} {rng.choice(PROPOSAL)}".strip())


def _one_try(problem: Problem, opening: str, begun: set[str], rng: random.Random) -> tuple[str, _Operand | None]:
    """One paragraph of the search, and the finished expression or None if it was given up half way.

    `begun` holds the names of the first steps of earlier tries, and gains this one's.
    """
    operands = [_Operand(n, str(n)) for n in problem.numbers]
    words = opening
    while len(operands) > 2:
        untouched = len(operands) == len(problem.numbers)
        step = _draw_step(operands, begun if untouched else set(), rng)
        if untouched:
            begun.add(step.name())
        words += f" {step.text()}"
        if step.result.value > LARGEST_INTERMEDIATE:
            return words + rng.choice(TOO_BIG_ALREADY).format(value=step.result.value), None
        operands = [step.result] + [o for o in operands if o is not step.left and o is not step.right]
        words += rng.choice(REMAIN).format(rest=list_numbers(o.value for o in operands))
        words += f" {rng.choice(NEXT)}"
    step = _draw_final_step(operands, problem.target, rng)
    words += f" {step.text()}. {_judge(step.result.value, problem.target, rng)}"
    others = [s for s in _final_steps(operands) if s.operator != step.operator]
    if step.result.value != problem.target and others and rng.random() < SAME_PAIR_AGAIN:
        step = rng.choice(others)
        words += f" {rng.choice(SAME_PAIR)} {step.text()}. {_judge(step.result.value, problem.target, rng)}"
    return words, step.result


def write_response(problem: Problem, rng: random.Random) -> str:
    """The whole response to a problem: the search between <think> and </think>, then the boxed answer."""
    patience = rng.choice(PATIENCE[len(problem.numbers)])
    paragraphs = [rng.choice(RESTATE).format(target=problem.target, numbers=list_numbers(problem.numbers))]
    begun: set[str] = set()
    finished = 0
    while True:
        words, result = _one_try(problem, _opening(len(paragraphs) == 1, rng), begun, rng)
        paragraphs.append(words)
        if result is None:
            continue
        finished += 1
        solved = result.value == problem.target
        if solved or finished >= patience:
            break
    ending = CONCLUDE if solved else GIVE_UP
    paragraphs.append(rng.choice(ending).format(expression=result.expression, value=result.value))
    answer = rng.choice(ANSWER if solved else ANSWER_UNSURE).format(expression=result.expression)
    return "<think>\n" + "\n\n".join(paragraphs) + "\n</think>\n\n" + answer


def plain_text(problem: Problem, response: str) -> str:
    """A problem and a response as a plain text file holds them: the problem's line, an empty line, the response."""
    return f"{format_prompt(problem)}\n\n{response}\n"


def write_document(problem: Problem, rng: random.Random) -> str:
    """One training document, mostly a chat and sometimes a plain text file; it ends with <|endoftext|>."""
    response = write_response(problem, rng)
    if rng.random() < PLAIN_SHARE:
        return plain_text(problem, response) + "<|endoftext|>"
    return f"{chat_prompt(problem)}{response}<|im_end|>\n<|endoftext|>"
