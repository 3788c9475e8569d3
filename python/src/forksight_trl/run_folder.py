"""Writes a run folder (core/run/folder.ts) so that a kill at any instant loses at most the step under way.

Order of writes in step N: rollouts/step-N.jsonl; a new folder with the adapter, TRL's own state and forksight_state.json,
which holds the step's line of metrics; the rename of that folder to checkpoints/step-N, which makes the step done; the
line in metrics.jsonl; status.json; the deletion of checkpoints no longer wanted. `recover` puts right what a kill between
any two of these left behind.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .errors import RunError

STATE_FILE = "forksight_state.json"
ADAPTER_FILE = "adapter.gguf"
Line = dict[str, Any]

_STEP = re.compile(r"step-(\d{1,9})(\.jsonl)?")
_TORN = re.compile(r"\.step-\d+-(new|old)|\.trl")
_AGREED = ("trainer.log", "lock", ".trl")


class RunFolder:
    """Paths and writes of one run folder. Only the first process writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.rollouts = path / "rollouts"

    @property
    def scratch(self) -> Path:
        """Where TRL writes a checkpoint before it is renamed."""
        return self.checkpoints / ".trl"

    def create(self, description: Line) -> None:
        """Makes a new run folder. Raises RunError where the folder holds anything already."""
        self.path.mkdir(parents=True, exist_ok=True)
        if (self.path / "run.json").exists():
            raise RunError(
                f"{self.path} holds a run already. Continue it with `resume`, or name another folder with --out."
            )
        strangers = sorted(one.name for one in self.path.iterdir() if one.name not in _AGREED)
        if strangers:
            raise RunError(f"{self.path} is not empty ({', '.join(strangers[:3])}). Name a new folder with --out.")
        self.prepare()
        self.describe(description)

    def prepare(self) -> None:
        """Makes the folders inside."""
        self.rollouts.mkdir(exist_ok=True)
        self.checkpoints.mkdir(exist_ok=True)

    def describe(self, description: Line) -> None:
        """Writes run.json."""
        replace_file(self.path / "run.json", json_text(description, indent=2) + "\n", durable=True)

    def description(self) -> Line:
        """run.json. Raises RunError where there is none that can be read."""
        try:
            value = json.loads((self.path / "run.json").read_text("utf-8"))
            if value["format"] != 1 or not isinstance(value["settings"], dict):
                raise ValueError("it is of another format")
        except OSError as error:
            raise RunError(f"{self.path} is no run folder: {error}.") from None
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{self.path / 'run.json'} is damaged: {error}. Start a new run.") from None
        described: Line = value
        return described

    def log(self, text: str) -> None:
        """A line of trainer.log."""
        with (self.path / "trainer.log").open("a", encoding="utf-8") as file:
            file.write(f"{now_iso()} {text}\n")

    def append_metrics(self, line: Line) -> None:
        """A line of metrics.jsonl."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json_text(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def write_rollouts(self, step: int, lines: Iterable[Line]) -> None:
        """rollouts/step-N.jsonl."""
        replace_file(self.rollouts / f"step-{step}.jsonl", "".join(json_text(line) + "\n" for line in lines))

    def stop_requested(self) -> bool:
        """Whether somebody has laid down the request to stop."""
        return (self.path / "stop").exists()

    def clear_stop(self) -> None:
        """Removes the request to stop."""
        (self.path / "stop").unlink(missing_ok=True)

    def commit_checkpoint(self, written: Path, state: Line) -> None:
        """The instant at which step `state["step"]` is done. TRL's files and the adapter stand in `written` already."""
        replace_file(written / STATE_FILE, json_text(state), durable=True)
        final = self.checkpoints / f"step-{state['step']}"
        shutil.rmtree(final, ignore_errors=True)
        os.replace(written, final)
        with contextlib.suppress(OSError):
            self.scratch.rmdir()

    def latest_checkpoint(self) -> tuple[Path, Line] | None:
        """The newest checkpoint that can be read, and its state."""
        for step in reversed(self._steps()):
            folder = self.checkpoints / f"step-{step}"
            try:
                state: Line = json.loads((folder / STATE_FILE).read_text("utf-8"))
                if state["format"] == 1 and state["step"] == step:
                    return folder, state
            except (OSError, ValueError, KeyError, TypeError):
                # Not one of ours, or damaged: an older one serves.
                continue
        return None

    def prune(self, every: int, keep: int) -> None:
        """Deletes checkpoints but the newest and the last `keep` of every `every` steps (0: none of those)."""
        steps = self._steps()
        kept = set([step for step in steps if every > 0 and step > 0 and step % every == 0][-keep:]) | set(steps[-1:])
        for step in steps:
            if step not in kept:
                # Under a name that no reader takes for a checkpoint, so that a kill leaves no half one.
                away = self.checkpoints / f".step-{step}-old"
                os.replace(self.checkpoints / f"step-{step}", away)
                shutil.rmtree(away, ignore_errors=True)

    def recover(self, state: Line | None) -> list[str]:
        """Brings everything back to where step `state["step"]` was done, and says what was mended."""
        step = state["step"] if state else -1
        mended: list[str] = []
        for one in self.checkpoints.iterdir():
            at = _step_of(one.name)
            if _TORN.fullmatch(one.name) or (at is not None and at > step):
                shutil.rmtree(one, ignore_errors=True)
                if one.name != ".trl":
                    mended.append(f"removed the unfinished checkpoint {one.name}")
        for one in self.rollouts.iterdir():
            at = _step_of(one.name)
            if one.name.endswith(".new") or (at is not None and at > step):
                one.unlink()
                mended.append(f"removed rollouts/{one.name}")
        if self._recover_metrics(state):
            mended.append(f"brought metrics.jsonl to step {max(step, 0)}")
        return mended

    def _recover_metrics(self, state: Line | None) -> bool:
        file = self.path / "metrics.jsonl"
        text = file.read_text("utf-8") if file.exists() else ""
        kept: list[str] = []
        last = None
        for line in text.split("\n"):
            try:
                at = json.loads(line)["step"]
            except (ValueError, KeyError, TypeError):
                continue
            if state and at <= state["step"]:
                kept.append(line)
                last = at
        if state and state["line"] and last != state["step"]:
            kept.append(json_text(state["line"]))
        wanted = "".join(line + "\n" for line in kept)
        if wanted == text:
            return False
        replace_file(file, wanted, durable=True)
        return True

    def _steps(self) -> list[int]:
        found = (_step_of(one.name) for one in self.checkpoints.iterdir() if not one.name.endswith(".jsonl"))
        return sorted(step for step in found if step is not None)


def _step_of(name: str) -> int | None:
    match = _STEP.fullmatch(name)
    return int(match.group(1)) if match else None


def now_iso() -> str:
    """ISO 8601 with milliseconds, as JavaScript writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that every reader takes: numbers that are not finite are null."""
    separators = None if indent else (",", ":")
    return json.dumps(_finite(value), ensure_ascii=False, indent=indent, separators=separators, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def replace_file(path: Path, text: str, durable: bool = False) -> None:
    """Writes a file by rename: a reader sees the old or the new one, never a half."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    os.replace(temporary, path)
