"""A run folder as a stream of frames, for a reader on another machine: the format and its reader are core/run/stream.ts.

Whoever prints the frames numbers them from 1 on, in their order.
"""

from __future__ import annotations

import base64
import json
import re
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

Frame = dict[str, Any]

CHUNK = 48 * 1024
# Bytes of a checkpoint that are sent at most: it passes through the job's log.
CHECKPOINT_LIMIT = 64 * 1024 * 1024
# Seconds between two of a status that says the same.
RARELY = 5.0

_ROLLOUTS = re.compile(r"step-(\d{1,9})\.jsonl")
_CHECKPOINT = re.compile(r"step-(\d{1,9})")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_GROWING = ("metrics.jsonl", "trainer.log")


def frame_line(number: int, frame: Frame) -> str:
    """The line that a frame is printed as."""
    return f"#forksight {number} {json.dumps(frame, separators=(',', ':'))}"


class FolderStream:
    """What changed in a run folder since the last look.

    `since`: the reader has the folder up to this step (0: nothing). `every`: steps between checkpoints that are sent (0:
    only the last). `with_state`: send what resuming needs too, not the adapter alone. `note`: a line for a person.
    """

    def __init__(self, folder: Path, since: int, every: int, with_state: bool, note: Callable[[str], None]) -> None:
        self._folder = folder
        self._every = every
        self._with_state = with_state
        self._note = note
        self._whole: dict[str, bytes] = {}
        # Inode and bytes sent of files that grow.
        self._grown: dict[str, tuple[int, int]] = {}
        self._status = ""
        self._status_sent = 0.0
        rollouts, checkpoints = self._steps("rollouts", _ROLLOUTS), self._steps("checkpoints", _CHECKPOINT)
        start = max(checkpoints, default=0)
        self._rollouts = {step for step in rollouts if step <= min(since, start)}
        self._checkpoints = {step for step in checkpoints if step <= min(since, start)}
        # A run that goes on cuts off what lies beyond its checkpoint.
        self._beyond = range(start + 1, since + 1)

    def poll(self, last: bool = False) -> Iterator[Frame]:
        """Frames of what changed. `last`: the trainer has ended, and the newest checkpoint goes too."""
        # Taken first and sent last, so that it never runs ahead of what it speaks of.
        status = self._read("status.json")
        for step in self._beyond:
            yield {"op": "remove", "path": f"rollouts/step-{step}.jsonl"}
            yield {"op": "remove", "path": f"checkpoints/step-{step}"}
        self._beyond = range(0)
        description = self._read("run.json")
        if description is not None and description != self._whole.get("run.json"):
            self._whole["run.json"] = description
            yield from _replace("run.json", description)
        yield from self._new_rollouts()
        yield from self._new_checkpoints(last)
        for name in _GROWING:
            yield from self._growth(name)
        if status is not None and self._tells(status, last):
            yield from _replace("status.json", status)

    def _new_rollouts(self) -> Iterator[Frame]:
        there = self._steps("rollouts", _ROLLOUTS)
        for step in sorted(there - self._rollouts):
            content = self._read(f"rollouts/step-{step}.jsonl")
            if content is not None:
                yield from _replace(f"rollouts/step-{step}.jsonl", content)
                self._rollouts.add(step)
        for step in sorted(self._rollouts - there):
            yield {"op": "remove", "path": f"rollouts/step-{step}.jsonl"}
        self._rollouts &= there

    def _new_checkpoints(self, last: bool) -> Iterator[Frame]:
        there = self._steps("checkpoints", _CHECKPOINT)
        for step in sorted(there - self._checkpoints):
            kept = self._every > 0 and step % self._every == 0
            if kept or (last and step == max(there)):
                yield from self._checkpoint(step)
        for step in sorted(self._checkpoints - there):
            yield {"op": "remove", "path": f"checkpoints/step-{step}"}
        self._checkpoints &= there

    def _checkpoint(self, step: int) -> Iterator[Frame]:
        folder = self._folder / "checkpoints" / f"step-{step}"
        new = f"checkpoints/.step-{step}-new"
        try:
            files = [one for one in sorted(folder.iterdir()) if one.is_file() and _PLAIN_NAME.fullmatch(one.name)]
            size = sum(one.stat().st_size for one in files)
            if not self._with_state or size > CHECKPOINT_LIMIT:
                files = [one for one in files if one.name == "adapter.gguf"]
                size = sum(one.stat().st_size for one in files)
            self._checkpoints.add(step)
            if not files or size > CHECKPOINT_LIMIT:
                self._note(f"the checkpoint of step {step} is too large to be sent ({size >> 20} MB)")
                return
            yield {"op": "remove", "path": new}
            for one in files:
                with one.open("rb") as file:
                    yield from _writes(f"{new}/{one.name}", 0, _pieces(file))
            yield {"op": "move", "from": new, "to": f"checkpoints/step-{step}"}
        except FileNotFoundError:
            # Deleted while it was read, as older ones are.
            self._checkpoints.discard(step)
            yield {"op": "remove", "path": new}

    def _growth(self, name: str) -> Iterator[Frame]:
        path = self._folder / name
        try:
            with path.open("rb") as file:
                identity, sent = self._grown.get(name, (None, 0))
                stat = path.stat()
                if identity == stat.st_ino and stat.st_size >= sent:
                    file.seek(sent)
                    content = file.read(stat.st_size - sent)
                    if content:
                        yield from _writes(name, sent, _chunks(content))
                else:
                    sent = 0
                    content = file.read(stat.st_size)
                    yield from _replace(name, content)
                self._grown[name] = (stat.st_ino, sent + len(content))
        except FileNotFoundError:
            return

    def _tells(self, status: bytes, last: bool) -> bool:
        now = time.monotonic()
        try:
            value = json.loads(status)
            told = json.dumps([value.get(name) for name in ("state", "step", "steps", "activity")])
        except ValueError:
            return False
        if told == self._status and now - self._status_sent < RARELY and not last:
            return False
        self._status, self._status_sent = told, now
        return True

    def _steps(self, place: str, pattern: re.Pattern[str]) -> set[int]:
        try:
            names = [one.name for one in (self._folder / place).iterdir()]
        except FileNotFoundError:
            return set()
        return {int(found.group(1)) for name in names if (found := pattern.fullmatch(name))}

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None


def _replace(name: str, content: bytes) -> Iterator[Frame]:
    yield from _writes(f"{name}.new", 0, _chunks(content))
    yield {"op": "move", "from": f"{name}.new", "to": name}


def _chunks(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content), CHUNK):
        yield content[at : at + CHUNK]


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _writes(path: str, at: int, chunks: Iterator[bytes]) -> Iterator[Frame]:
    some = False
    for chunk in chunks:
        some = True
        yield {"op": "write", "path": path, "at": at, "data": base64.b64encode(zlib.compress(chunk)).decode()}
        at += len(chunk)
    if not some:
        yield {"op": "write", "path": path, "at": at, "data": base64.b64encode(zlib.compress(b"")).decode()}
