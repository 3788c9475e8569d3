"""Rewards: what a completion earns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..data import Problem
from ..errors import RunError
from ..settings import Reward
from . import countdown, maths
from .answer import exact_match
from .own import load_own_reward

Judge = Callable[[Sequence[Problem], Sequence[str], Sequence[list[int]]], list[float]]
"""Scores completions, given their problems, texts and token ids: a finite number for each."""


def check_problem(reward: Reward, problem: Problem) -> object:
    """Raises ValueError where the problem lacks what the reward needs."""
    if reward.kind == "countdown":
        return _countdown_of(problem)
    if reward.kind in ("exact", "maths"):
        return _answer_of(problem)
    return None


def judge_for(reward: Reward) -> Judge:
    """The run's reward, without the overlong penalty. Raises RunError where a user's own cannot be loaded."""
    if reward.kind == "python":
        return _checked(_own_judge(load_own_reward(str(reward.file), reward.timeout_seconds)))
    single: Callable[[Problem, str], bool | int] = {
        "countdown": lambda problem, text: countdown.verify(text, *_countdown_of(problem)).reward,
        "exact": lambda problem, text: exact_match(text, _answer_of(problem)),
        "maths": lambda problem, text: maths.maths_equal(text, _answer_of(problem)),
    }[reward.kind]

    def judge(problems: Sequence[Problem], texts: Sequence[str], ids: Sequence[list[int]]) -> list[float]:
        return [float(single(problem, text)) for problem, text in zip(problems, texts, strict=True)]

    return judge


def _own_judge(function: Callable[..., list[float]]) -> Judge:
    def judge(problems: Sequence[Problem], texts: Sequence[str], ids: Sequence[list[int]]) -> list[float]:
        names = sorted({name for problem in problems for name in problem.columns})
        columns: dict[str, Any] = {name: [problem.columns.get(name) for problem in problems] for name in names}
        conversational = not isinstance(problems[0].prompt, str)
        return function(
            prompts=[problem.prompt for problem in problems],
            completions=[[{"role": "assistant", "content": text}] if conversational else text for text in texts],
            completion_ids=list(ids),
            **columns,
        )

    return judge


def _checked(judge: Judge) -> Judge:
    def checked(problems: Sequence[Problem], texts: Sequence[str], ids: Sequence[list[int]]) -> list[float]:
        rewards = judge(problems, texts, ids)
        if len(rewards) != len(texts):
            raise RunError(
                f"The reward function returned {len(rewards)} rewards for {len(texts)} completions. "
                "It returns a number for each."
            )
        bad = next((i for i, one in enumerate(rewards) if not math.isfinite(one)), None)
        if bad is not None:
            raise RunError(f"The reward of completion {bad} is {rewards[bad]}, not a finite number.")
        return rewards

    return checked


def _countdown_of(problem: Problem) -> tuple[list[int], float]:
    numbers, target = problem.columns.get("numbers"), problem.columns.get("target")
    whole = isinstance(numbers, list) and numbers and all(isinstance(n, int) for n in numbers)
    if whole and isinstance(target, int | float):
        return list(numbers or []), target
    parsed = countdown.parse_prompt(problem.user_text)
    if parsed:
        return parsed
    raise ValueError(
        "the countdown reward needs `numbers` (a list) and `target`, "
        "or a prompt that reads `Make 24 from 3, 4 and 5 with ...`"
    )


def _answer_of(problem: Problem) -> str:
    columns = problem.columns
    answer = next(
        (columns[name] for name in ("answer", "solution", "ground_truth") if columns.get(name) is not None), None
    )
    if isinstance(answer, str) and answer.strip():
        return answer
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return f"{answer:g}" if isinstance(answer, float) else str(answer)
    raise ValueError("the reward needs an `answer` (text or a number)")
