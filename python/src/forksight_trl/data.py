"""Data sets of problems: JSON Lines, read whole, as native/trainer/dataSet.ts and core/tasks/problem.ts read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import RunError
from .seeds import derive_seed, shuffled

Message = dict[str, str]
Prompt = str | list[Message]

_NAMED_LINES = 5
_EXPECTED = "expected an object with `prompt` (text, or messages), `question`, `problem` or `messages`"


@dataclass(frozen=True)
class Problem:
    """A prompt, and the columns that its reward reads."""

    prompt: Prompt
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def user_text(self) -> str:
        """The text, or the last user message's."""
        if isinstance(self.prompt, str):
            return self.prompt
        return next((one["content"] for one in reversed(self.prompt) if one["role"] == "user"), "")


def parse_problem(record: Any) -> Problem:
    """A record of a data set. Raises ValueError that says what is wrong with it."""
    if not isinstance(record, dict):
        raise ValueError(_EXPECTED)
    asked = next((name for name in ("question", "problem") if isinstance(record.get(name), str)), None)
    name = "prompt" if "prompt" in record else "messages" if "messages" in record else asked
    if name is None:
        raise ValueError(_EXPECTED)
    value = record[name]
    columns = {key: one for key, one in record.items() if key not in (name, "completion")}
    prompt: Prompt | None
    if isinstance(value, str):
        prompt = [{"role": "user", "content": value}] if name == asked else value
    else:
        prompt = _messages(value)
    if not prompt:
        raise ValueError(f"`{name}` is neither a text nor a list of messages with role and content")
    if isinstance(prompt, list) and prompt[-1]["role"] == "assistant":
        prompt = prompt[:-1]
        if not prompt:
            raise ValueError(f"`{name}` holds only the assistant's words")
    return Problem(prompt, columns)


def read_problems(path: str, check: Callable[[Problem], object]) -> list[Problem]:
    """All problems of a file. `check` raises ValueError where a problem lacks what the run needs.

    Raises RunError naming file and lines: silently skipped problems would change what is measured.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"The data set cannot be read: {error}.") from None
    problems: list[Problem] = []
    bad: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            problem = parse_problem(json.loads(line))
            check(problem)
            if problems and isinstance(problem.prompt, str) != isinstance(problems[0].prompt, str):
                raise ValueError("texts and messages are mixed in one file, which TRL cannot take")
            problems.append(problem)
        except ValueError as error:
            bad.append(f"line {number}: {error}")
    if bad:
        more = f"; and {len(bad) - _NAMED_LINES} more" if len(bad) > _NAMED_LINES else ""
        lines = "1 bad line" if len(bad) == 1 else f"{len(bad)} bad lines"
        raise RunError(f"{path} has {lines}: {'; '.join(bad[:_NAMED_LINES])}{more}.")
    if not problems:
        raise RunError(f"{path} holds no problems.")
    return problems


def problem_order(count: int, seed: int, wanted: int) -> list[int]:
    """Which problem each of `wanted` places of a run takes: every epoch shuffled anew.

    The same as native/trainer/problemStream.ts, so that both trainers see the same prompts in the same step.
    """
    order: list[int] = []
    epoch = 0
    while len(order) < wanted:
        order += shuffled(count, derive_seed(seed, 0, "order", epoch))
        epoch += 1
    return order[:wanted]


def _messages(value: Any) -> list[Message] | None:
    if not isinstance(value, list):
        return None
    found: list[Message] = []
    for one in value:
        if not isinstance(one, dict):
            return None
        role, content = one.get("role"), one.get("content")
        if not isinstance(role, str) or not isinstance(content, str):
            return None
        found.append({"role": role, "content": content})
    return found
