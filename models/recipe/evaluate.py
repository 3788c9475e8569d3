"""The figures of the model card, from the shipped GGUF alone:

    python models/recipe/evaluate.py

Samples test problems at temperature 1 with no top-k and no top-p, prints every figure, and writes `figures.json`
beside the model. Takes a minute or two on two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from countdown import Problem, chat_prompt, different_problems, step_result, verify
from sampler import Response, sample_in_processes
from weights import read_gguf

SAMPLES_PER_PROBLEM = 16
# The paper ranks the tokens seen more than 100 times.
SEEN_ENOUGH = 100
STEP = re.compile(r"\b(\d+) ([+*-]) (\d+) = (\d+)")
JUDGEMENTS = [
    re.compile(pattern)
    for pattern in (
        r"(?P<value>\d+) is (?P<size>bigger|smaller) than (?P<target>\d+)",
        r"(?P<value>\d+) is not (?P<target>\d+), it is too (?P<size>big|small)",
        r"(?P<value>\d+) and not (?P<target>\d+), so it is too (?P<size>big|small)",
        r"need (?P<target>\d+), so (?P<value>\d+) is too (?P<size>big|small)",
    )
]


def _steps_at_hand(problem: Problem, text: str) -> list[bool]:
    """For each step, whether the search had its two numbers: of the problem, or what earlier steps of its try left."""
    found = []
    for line in text.split("\n"):
        left_over = before = list(problem.numbers)
        for first, _, second, result in STEP.findall(line):
            wanted = [int(first), int(second)]
            # Another operation on the same pair goes back by one step.
            for state in (left_over, before):
                remaining = list(state)
                try:
                    for number in wanted:
                        remaining.remove(number)
                except ValueError:
                    continue
                before, left_over = state, [*remaining, int(result)]
                found.append(True)
                break
            else:
                found.append(False)
    return found


def step_figures(problems: list[Problem], texts: list[str]) -> dict:
    """Counts of steps `a op b = c` and of judgements against the target, and the shares of them that hold (None of none)."""
    right: list[bool] = []
    at_hand: list[bool] = []
    judged: list[bool] = []
    for problem, text in zip(problems, texts, strict=True):
        right += [step_result(int(a), o, int(b)) == int(c) for a, o, b, c in STEP.findall(text)]
        at_hand += _steps_at_hand(problem, text)
        for found in (match for pattern in JUDGEMENTS for match in pattern.finditer(text)):
            value, target = int(found["value"]), int(found["target"])
            above = found["size"] in ("big", "bigger")
            judged.append(target == problem.target and (value > target if above else value < target))

    def share(held: list[bool]) -> float | None:
        return float(np.mean(held)) if held else None

    return {
        "steps_written": len(right),
        "steps_right": share(right),
        "steps_with_numbers_at_hand": share(at_hand),
        "judgements_written": len(judged),
        "judgements_right": share(judged),
    }


def entropy_figures(responses: list[Response]) -> dict:
    """The pattern of the paper's Fig. 2a over all response tokens; entropies in nats."""
    entropies = np.array([value for response in responses for value in response.entropies])
    median, p80 = np.quantile(entropies, [0.5, 0.8])
    return {
        "tokens": len(entropies),
        "share_below_0.01": float((entropies < 0.01).mean()),
        "mean": float(entropies.mean()),
        "median": float(median),
        "percentile_80": float(p80),
        "percentile_80_over_median": float(p80 / median),
        "percentile_95": float(np.quantile(entropies, 0.95)),
        "maximum": float(entropies.max()),
    }


def ranked_tokens(responses: list[Response], tokenizer: Tokenizer, count: int = 30) -> dict:
    """The tokens of highest and of lowest mean entropy among those seen more than `SEEN_ENOUGH` times."""
    seen: dict[int, list[float]] = defaultdict(list)
    for response in responses:
        for token, entropy in zip(response.ids, response.entropies, strict=True):
            seen[token].append(entropy)
    means = sorted((float(np.mean(values)), token) for token, values in seen.items() if len(values) > SEEN_ENOUGH)

    def named(entries) -> list[dict]:
        return [
            {"token": tokenizer.decode([token], skip_special_tokens=False), "mean": mean, "seen": len(seen[token])}
            for mean, token in entries
        ]

    return {"highest": named(means[::-1][:count]), "lowest": named(means[:count])}


def role_figures(responses: list[Response], tokenizer: Tokenizer) -> dict:
    """Mean entropy, in nats, of digits and operators by the part they play in a step.

    The same digit is a choice in `3 + 4` and certain in `= 7`, which a ranking by token cannot show.
    """
    roles: dict[str, list[float]] = defaultdict(list)
    for response in responses:
        pieces = [tokenizer.decode([token], skip_special_tokens=False) for token in response.ids]
        starts = np.concatenate(([0], np.cumsum([len(piece) for piece in pieces])))
        entropy_at = {int(start): value for start, value in zip(starts, response.entropies)}
        for step in STEP.finditer("".join(pieces)):
            # An operator token carries the space before it.
            spans = (("chosen number", step.span(1)), ("chosen number", step.span(3)), ("result", step.span(4)))
            for role, (begin, end) in spans:
                roles[role].extend(entropy_at[at] for at in range(begin, end) if at in entropy_at)
            if step.start(2) - 1 in entropy_at:
                roles["operator"].append(entropy_at[step.start(2) - 1])
    return {role: {"mean": float(np.mean(v)), "median": float(np.median(v)), "seen": len(v)} for role, v in roles.items()}


def evaluate(path: Path, problems: list[Problem], seed: int, workers: int) -> tuple[dict, list[str]]:
    """All figures of the card for `SAMPLES_PER_PROBLEM` responses to each problem, and the responses' texts."""
    model, tokenizer = read_gguf(path)
    asked = [problem for problem in problems for _ in range(SAMPLES_PER_PROBLEM)]
    responses = sample_in_processes(path, [chat_prompt(p) for p in asked], seed, workers)
    texts = [response.text(tokenizer) for response in responses]
    verdicts = [verify(text, problem) for text, problem in zip(texts, asked, strict=True)]
    rewards = np.array([v.reward for v in verdicts]).reshape(len(problems), SAMPLES_PER_PROBLEM)
    of_four = np.array([len(p.numbers) == 4 for p in problems])
    reasons: dict[str, int] = defaultdict(int)
    for verdict in verdicts:
        reasons[verdict.reason] += 1
    figures = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "problems": len(problems),
        "responses": len(texts),
        "well_formed": float(np.mean([v.well_formed for v in verdicts])),
        "accuracy": float(rewards.mean()),
        "accuracy_three_numbers": float(rewards[~of_four].mean()),
        "accuracy_four_numbers": float(rewards[of_four].mean()),
        "pass_at_16": float(rewards.any(axis=1).mean()),
        "problems_with_mixed_rewards": float(((rewards.sum(1) > 0) & (rewards.sum(1) < SAMPLES_PER_PROBLEM)).mean()),
        "reasons": dict(sorted(reasons.items(), key=lambda item: -item[1])),
        "mean_tokens": float(np.mean([len(r.ids) for r in responses])),
        "unfinished": float(np.mean([not r.finished for r in responses])),
        **step_figures(asked, texts),
        "entropy": entropy_figures(responses),
        "roles": role_figures(responses, tokenizer),
        "tokens": ranked_tokens(responses, tokenizer),
    }
    return figures, texts


def report(figures: dict) -> str:
    """The figures as lines of text."""
    entropy = figures["entropy"]
    lines = [
        f"{figures['file']}  sha256 {figures['sha256']}",
        f"{figures['parameters']:,} parameters; {figures['responses']} responses to {figures['problems']} {figures['split']} problems",
        f"well-formed answers        {figures['well_formed']:.1%}",
        f"steps written correctly    {figures['steps_right']:.1%} of {figures['steps_written']}",
        f"  with numbers at hand     {figures['steps_with_numbers_at_hand']:.1%}",
        f"judgements right           {figures['judgements_right']:.1%} of {figures['judgements_written']}",
        f"accuracy                   {figures['accuracy']:.1%}  (three numbers "
        f"{figures['accuracy_three_numbers']:.1%}, four {figures['accuracy_four_numbers']:.1%})",
        f"pass@16                    {figures['pass_at_16']:.1%}",
        f"groups of 16 with both     {figures['problems_with_mixed_rewards']:.1%}",
        f"mean length                {figures['mean_tokens']:.0f} tokens, {figures['unfinished']:.2%} unfinished",
        f"tokens below 0.01 nat      {entropy['share_below_0.01']:.1%} of {entropy['tokens']}",
        f"entropy mean / median      {entropy['mean']:.3f} / {entropy['median']:.2e}",
        f"80th percentile            {entropy['percentile_80']:.3f}  ({entropy['percentile_80_over_median']:.0f} x median)",
        f"outcomes                   {figures['reasons']}",
    ]
    for role, figure in figures["roles"].items():
        lines.append(f"  {role:24s} mean {figure['mean']:.3f}, median {figure['median']:.4f}, {figure['seen']} seen")
    for end in ("highest", "lowest"):
        words = ", ".join(f"{entry['token']!r} {entry['mean']:.3f}" for entry in figures["tokens"][end])
        lines.append(f"{end} mean entropy: {words}")
    return "\n".join(lines)


def main() -> None:
    models = Path(__file__).parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, default=models / "pocket.gguf")
    parser.add_argument("--out", type=Path, default=models / "figures.json")
    parser.add_argument("--problems", type=int, default=250)
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    started = time.monotonic()
    problems = different_problems(random.Random(11), arguments.split, arguments.problems)
    figures, texts = evaluate(arguments.gguf, problems, arguments.seed, arguments.builders)
    figures["split"] = arguments.split
    figures["seconds"] = round(time.monotonic() - started, 1)
    print(report(figures))
    print(f"{figures['seconds']} s")
    arguments.out.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\nthe first response:\n" + texts[0])


if __name__ == "__main__":
    main()
