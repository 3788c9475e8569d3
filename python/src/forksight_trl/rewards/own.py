"""A user's own reward: a Python file with `def reward(prompts, completions, **columns)`, TRL's signature."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

from ..errors import RunError

OwnReward = Callable[..., list[float]]


def load_own_reward(path: str, timeout_seconds: float) -> OwnReward:
    """The file's `reward`, with a time limit a call. It runs with this process's rights: the caller has asked for trust.

    Raises RunError where the file cannot be loaded or has no such function.
    """
    sys.path.insert(0, str(Path(path).parent))
    try:
        spec = importlib.util.spec_from_file_location("forksight_reward", path)
        if spec is None or spec.loader is None:
            raise RunError(f"The reward {path} is no Python file.")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except RunError:
        raise
    except Exception as error:
        raise RunError(f"The reward {path} cannot be loaded: {type(error).__name__}: {error}.") from error
    function = getattr(module, "reward", None)
    if not callable(function):
        raise RunError(f"The reward {path} has no function named `reward`.")
    if inspect.iscoroutinefunction(function):
        raise RunError(f"The reward {path} is an `async def`; a plain function is needed.")

    def reward(**call: Any) -> list[float]:
        outcome: Queue[list[float] | BaseException] = Queue()

        def work() -> None:
            try:
                outcome.put([float(one) for one in function(**call)])
            except BaseException as error:
                outcome.put(error)

        # A daemon: a run that failed, or was stopped, would else not end before a reward that never does.
        Thread(target=work, name="forksight-reward", daemon=True).start()
        try:
            answer = outcome.get(timeout=timeout_seconds)
        except Empty:
            raise RunError(
                f"The reward {path} took longer than {timeout_seconds:g} s for {len(call['completions'])} completions. "
                "Make it faster or raise reward.timeoutSeconds."
            ) from None
        if isinstance(answer, BaseException):
            raise RunError(f"The reward failed: {type(answer).__name__}: {answer}.") from answer
        return answer

    return reward
