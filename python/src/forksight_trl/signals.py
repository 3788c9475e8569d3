"""SIGTERM and Ctrl+C give up the step under way, except while a checkpoint is written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .errors import StopNow


class Signals:
    """Raises StopNow in the main thread where a signal asks for the end."""

    def __init__(self) -> None:
        self.pending = False
        self._shields = 0

    def install(self) -> None:
        """Takes SIGTERM and SIGINT; does nothing outside the main thread (a Ray worker's function)."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._asked)
            signal.signal(signal.SIGINT, self._asked)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """What is inside is finished before a signal takes effect."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self.pending and self._shields == 0:
            raise StopNow

    def ignore(self) -> None:
        """From here on the end is under way: a further signal changes nothing."""
        self._shields += 1

    def _asked(self, number: int, frame: Any) -> None:
        self.pending = True
        if self._shields == 0:
            self._shields += 1
            raise StopNow
