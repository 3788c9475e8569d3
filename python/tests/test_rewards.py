"""Rewards: the rules of core/countdown and core/tasks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY

from forksight_trl.data import parse_problem
from forksight_trl.errors import RunError
from forksight_trl.rewards import check_problem, countdown, judge_for, maths
from forksight_trl.rewards.answer import exact_match
from forksight_trl.settings import Reward

CASES = json.loads((REPOSITORY / "test" / "fixtures" / "countdown-cases.json").read_text("utf-8"))


def reward(kind: str, **more) -> Reward:
    return Reward(kind=kind, timeout_seconds=0.5, python="python3", **more)


def test_countdown_verdicts_are_those_of_the_other_two_verifiers():
    assert len(CASES["responses"]) > 20
    for case in CASES["responses"]:
        verdict = countdown.verify(case["response"], case["numbers"], case["target"])
        wanted = case["verdict"]
        found = (verdict.reward, verdict.well_formed, verdict.reason)
        assert found == (wanted["reward"], wanted["wellFormed"], wanted["reason"]), case


def test_countdown_prompts_are_read():
    for problem in CASES["problems"]:
        assert countdown.parse_prompt(problem["prompt"]) == (problem["numbers"], problem["target"])


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("42.0", "42"), (r"\frac{1}{2}", "0.5"), (r"\dfrac12", "1/2"), (r"3\frac{1}{2}", "7/2"), (r"-\frac{3}{4}", "-0.75"),
        ("1{,}234", "1234"), ("1,234", "1234"), (r"2\sqrt{3}", r"\sqrt{12}"), (r"\sqrt[3]{8}", "2"), ("10^{3}", "1000"),
        ("x = 5", "5"), (r"90^\circ", "90"), (r"5\text{ cm}", "5"), (r"50\%", "0.5"), (r"50\%", "50"),
        ("(1, 2)", r"\left(1,\,2\right)"), ("3, -3", "-3, 3"), (r"\{2, 1\}", "1,2"), (r"\text{Evelyn}", "Evelyn"),
        (r"\$18.90", "18.9"), (r"2\pi", "6.283185307179586"), ("x^2", "x^2"),
    ],
)  # fmt: skip
def test_equal_answers(given: str, wanted: str):
    assert maths.plainly_equal(given, wanted)
    assert maths.maths_equal(rf"thus \boxed{{{given}}}", wanted)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("42", "43"), ("0.333", "1/3"), ("(1, 2)", "(2, 1)"), ("[1, 2]", "(1, 2)"), ("1, 1", "1, 2"), ("1,2,3", "1,2"),
        ("x+1", "y+1"), ("", "0"), (r"\text{Bob}", "Evelyn"), ("__import__('os')", "5"), ("9^9^9^9^9", "1"), ("((((", "1"),
        ("1/0", "5"), ("True", "1"),
    ],
)  # fmt: skip
def test_different_answers(given: str, wanted: str):
    assert not maths.plainly_equal(given, wanted)


def test_exact_match_takes_the_answer_from_its_box_or_after_the_thought():
    assert exact_match(r"so \boxed{a  b}", "a b")
    assert exact_match("<think>no</think>\n yes ", "yes")
    assert not exact_match("yes", "no")


def test_a_problem_that_lacks_what_the_reward_needs_is_named():
    bare = parse_problem({"prompt": "hello"})
    for kind in ("countdown", "exact", "maths"):
        with pytest.raises(ValueError, match="needs"):
            check_problem(reward(kind), bare)


def own(tmp_path: Path, body: str):
    path = tmp_path / "own.py"
    path.write_text(body, "utf-8")
    return judge_for(reward("python", file=str(path)))


def test_a_users_own_reward_gets_what_trl_gives(tmp_path: Path):
    judge = own(
        tmp_path, "def reward(prompts, completions, n, **rest): return [len(c) * k for c, k in zip(completions, n)]"
    )
    problems = [parse_problem({"prompt": "p", "n": 2}), parse_problem({"prompt": "p", "n": 3})]
    assert judge(problems, ["ab", "c"], [[1], [2]]) == [4.0, 3.0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def reward(**_): return [1]", "returned 1 rewards for 2"),
        ("def reward(**_): return [1, float('nan')]", "completion 1 is nan"),
        ("def reward(**_): return 1 / 0", "ZeroDivisionError"),
        ("def reward(**_): return None", "failed: TypeError"),
        ("def reward(**_):\n import time\n time.sleep(1)", "took longer than 0.5 s"),
        ("def other(): pass", "no function named `reward`"),
        ("import nothing_like_this", "cannot be loaded"),
    ],
)
def test_a_reward_that_fails_says_how(body: str, message: str, tmp_path: Path):
    problems = [parse_problem({"prompt": "p"})] * 2
    with pytest.raises(RunError, match=message):
        own(tmp_path, body)(problems, ["a", "b"], [[1], [2]])


def test_a_reward_without_end_keeps_no_process(tmp_path: Path):
    file = tmp_path / "own.py"
    file.write_text("import time\ndef reward(**_):\n while True: time.sleep(1)\n", "utf-8")
    call = f"load_own_reward({str(file)!r}, 0.1)(completions=['a'])"
    program = f"from forksight_trl.rewards.own import load_own_reward\n{call}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert "took longer than 0.1 s" in ended.stderr
