"""Runs a user's Python reward for the trainer, in a process of its own: `python3 reward_host.py FILE`.

One JSON line in ({prompts, completions, columns}), one out ({rewards} or {error}); first of all {ready: true}.
The function is called as TRL calls one: reward(prompts=..., completions=..., **columns). What it prints goes to
stderr, so that it cannot be taken for an answer.
"""

import importlib.util
import json
import os
import sys

answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
sys.stdout = sys.stderr


def send(message):
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def reason(error):
    return f"{type(error).__name__}: {error}"


def load(path):
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location("forksight_reward", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not callable(getattr(module, "reward", None)):
        raise TypeError("it has no function named `reward`")
    return module.reward


try:
    reward = load(sys.argv[1])
    send({"ready": True})
except BaseException as error:
    send({"error": reason(error)})
    sys.exit(1)

for line in sys.stdin.buffer:
    try:
        request = json.loads(line)
        rewards = reward(
            prompts=request["prompts"],
            completions=request["completions"],
            **request["columns"],
        )
        send({"rewards": [float(value) for value in rewards]})
    except Exception as error:
        send({"error": reason(error)})
