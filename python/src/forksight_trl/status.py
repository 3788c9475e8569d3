"""status.json, renewed while the process lives."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections import deque
from typing import Literal

from .run_folder import RunFolder, json_text, now_iso, replace_file

State = Literal["preparing", "running", "stopped", "done", "failed"]
Activity = Literal["load", "rollout", "score", "update", "evaluate", "compare", "save"]

_HEARTBEAT = 5.0
_RARELY = 0.5
_RECENT_STEPS = 10


class StatusBoard:
    """What the trainer does at this moment. Without a folder (other processes than the first) it is silent."""

    def __init__(self, folder: RunFolder | None, steps: int, pid: int, done: int = 0) -> None:
        """`done`: steps that are done already."""
        self._folder = folder
        self._steps = steps
        self._pid = pid
        self._state: State = "preparing"
        self._step = done
        self._message = "starting"
        self._activity: Activity | None = "load"
        self._written = 0.0
        self._times: deque[float] = deque(maxlen=_RECENT_STEPS)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        if folder is not None:
            self._write()
            threading.Thread(target=self._beat, name="forksight-heartbeat", daemon=True).start()

    def doing(self, activity: Activity, message: str, done: float | None = None) -> None:
        """`done`: share of the activity, 0 to 1, where it is known."""
        changed = activity != self._activity
        self._activity = activity
        self._message = message if done is None else f"{message} {int(100 * done)} %"
        if changed or time.monotonic() - self._written > _RARELY:
            self._write()

    def running(self, step: int) -> None:
        """`step` steps are done, and the next one begins."""
        self._state, self._step = "running", step
        self._write()

    def step_done(self, step: int, seconds: float) -> None:
        """Notes a step's time for the estimate."""
        self._times.append(seconds)
        self.running(step)

    def end(self, state: State, message: str) -> None:
        """The last word; ends the heartbeat."""
        self._ended.set()
        self._state, self._message, self._activity = state, message, None
        self._write()

    def _eta(self) -> float | None:
        if self._state == "done":
            return 0
        if not self._times:
            return None
        return round(sum(self._times) / len(self._times) * (self._steps - self._step), 1)

    def _beat(self) -> None:
        while not self._ended.wait(_HEARTBEAT):
            self._write(beat=True)

    def _write(self, beat: bool = False) -> None:
        if self._folder is None:
            return
        with self._lock:
            if beat and self._ended.is_set():
                return
            self._written = time.monotonic()
            status = {
                "state": self._state,
                "step": self._step,
                "steps": self._steps,
                "heartbeat": now_iso(),
                "eta": self._eta(),
                "message": self._message,
                **({"activity": self._activity} if self._activity else {}),
                "pid": self._pid,
                "host": socket.gethostname(),
                "memory": _resident_bytes(),
            }
            # A full disk stops the run where a result is lost, not where a heartbeat is.
            with contextlib.suppress(OSError):
                replace_file(self._folder.path / "status.json", json_text(status, indent=2) + "\n")


def _resident_bytes() -> int:
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    try:
        import resource
    except ImportError:
        return 0
    # macOS counts bytes; this is the peak, the nearest that is to be had there.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
