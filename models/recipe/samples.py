"""The sample workspace's traces, rollouts and data sets, written by the shipped model and the generator.

Traces are picked from 512 responses to held-out problems by what they show, never by hand: the shortest that succeeds
at its first try, a long search that succeeds, a long one that fails. All of them have every step right.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from pathlib import Path

from countdown import Problem, chat_prompt, different_problems, draw_problem, format_prompt, verify
from evaluate import step_figures
from sampler import sample_in_processes
from weights import read_gguf

TRAINING_PROBLEMS = 500
HELD_OUT_PROBLEMS = 200
ROLLOUT_PROBLEMS, ROLLOUTS_PER_PROBLEM = 25, 8
TRACE_CANDIDATES = 512
# A long trace should fill a screen, not a book.
LONGEST_TRACE = 1500


def write_jsonl(path: Path, records: list[dict]) -> None:
    """One JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def problem_record(problem: Problem) -> dict:
    """A line of a data set. The prompt is a conversation, to which trainers (TRL's too) apply the chat template."""
    prompt = [{"role": "user", "content": format_prompt(problem)}]
    return {"prompt": prompt, "numbers": problem.numbers, "target": problem.target}


def tries_of(text: str) -> list[str]:
    """The paragraphs of the search, without the restated problem and the conclusion."""
    thought = text.partition("<think>")[2].partition("</think>")[0]
    return thought.strip().split("\n\n")[1:-1]


def write_traces(folder: Path, gguf: Path, seed: int, workers: int) -> None:
    """Plain text files: the problem's line, then the response, as the model writes a plain document."""
    rng = random.Random(seed)
    problems = [draw_problem(rng, "test") for _ in range(TRACE_CANDIDATES)]
    openings = [format_prompt(problem) + "\n\n" for problem in problems]
    responses = sample_in_processes(gguf, openings, seed, workers)
    _, tokenizer = read_gguf(gguf)
    candidates = []
    for problem, opening, response in zip(problems, openings, responses, strict=True):
        text = response.text(tokenizer)
        verdict = verify(text, problem)
        figures = step_figures([problem], [text])
        shares = ("steps_right", "steps_with_numbers_at_hand", "judgements_right")
        sound = all(figures[share] in (1, None) for share in shares) and response.finished
        tries = tries_of(text)
        if sound and verdict.well_formed and len(text) <= LONGEST_TRACE and len(set(tries)) == len(tries):
            judged = sum("target" in t or str(problem.target) in t for t in tries)
            candidates.append((verdict.reward, judged, len(text), opening + text.rstrip("\n") + "\n"))

    def choose(reward: int, longest: bool) -> str:
        fitting = [candidate for candidate in candidates if candidate[0] == reward]
        order = sorted(fitting, key=lambda c: (-c[1], -c[2]) if longest else (c[1], c[2]))
        return order[0][3]

    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "countdown-first-try.txt": choose(1, longest=False),
        "countdown-long.txt": choose(1, longest=True),
        "countdown-failed.txt": choose(0, longest=True),
    }.items():
        (folder / name).write_text(text, encoding="utf-8")


def write_rollouts(path: Path, gguf: Path, seed: int, workers: int) -> None:
    """Groups of responses to held-out problems, in the shape {prompt, completion, reward}."""
    rng = random.Random(seed)
    problems = different_problems(rng, "test", ROLLOUT_PROBLEMS)
    asked = [problem for problem in problems for _ in range(ROLLOUTS_PER_PROBLEM)]
    responses = sample_in_processes(gguf, [chat_prompt(problem) for problem in asked], seed, workers)
    _, tokenizer = read_gguf(gguf)
    records = []
    for problem, response in zip(asked, responses, strict=True):
        text = response.text(tokenizer)
        verdict = verify(text, problem)
        judged = {"completion": text, "reward": verdict.reward, "reason": verdict.reason}
        records.append(problem_record(problem) | judged)
    write_jsonl(path, records)


def main() -> None:
    root = Path(__file__).parent.parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, default=root / "models" / "pocket.gguf")
    parser.add_argument("--samples", type=Path, default=root / "samples")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    rng = random.Random(31)
    training = different_problems(rng, "train", TRAINING_PROBLEMS)
    held_out = different_problems(rng, "test", HELD_OUT_PROBLEMS)
    write_jsonl(arguments.samples / "data" / "countdown-train.jsonl", [problem_record(p) for p in training])
    write_jsonl(arguments.samples / "data" / "countdown-heldout.jsonl", [problem_record(p) for p in held_out])
    write_rollouts(arguments.samples / "rollouts" / "countdown-200.jsonl", arguments.gguf, 41, arguments.builders)
    write_traces(arguments.samples / "traces", arguments.gguf, 43, arguments.builders)


if __name__ == "__main__":
    main()
