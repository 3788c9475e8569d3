"""One trainer per run folder: the same file as native/trainer/lock.ts."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import RunError

# Seconds after which a heartbeat means that the process is gone: HEARTBEAT_LIMIT of core/run/folder.ts.
_HEARTBEAT_LIMIT = 60


@contextmanager
def locked(folder: Path, pid: int) -> Iterator[None]:
    """Takes the folder for process `pid`. Raises RunError where another trainer is at work there."""
    path = folder / "lock"
    for _ in range(3):
        try:
            with path.open("x", encoding="utf-8") as file:
                json.dump({"pid": pid, "host": socket.gethostname()}, file)
            break
        except FileExistsError:
            owner = _read(path)
            if owner and owner.get("pid") != pid and _at_work(owner, _read(folder / "status.json")):
                raise RunError(
                    f"A trainer is at work in {folder} (process {owner.get('pid')} on {owner.get('host')}). Stop it first."
                ) from None
            path.unlink(missing_ok=True)
    else:
        raise RunError(f"{path} cannot be taken: another trainer is starting in {folder}.")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _at_work(owner: dict[str, Any], status: dict[str, Any] | None) -> bool:
    # Without a status, or with one of another process, the trainer is only just starting.
    known = status is not None and status.get("pid") == owner.get("pid")
    fresh = not known or _fresh(status or {})
    if owner.get("host") != socket.gethostname():
        return fresh and known
    try:
        os.kill(int(owner["pid"]), 0)
    except PermissionError:
        return fresh
    except (OSError, ValueError, KeyError):
        return False
    return fresh


def _fresh(status: dict[str, Any]) -> bool:
    with contextlib.suppress(KeyError, ValueError, TypeError):
        beat = datetime.fromisoformat(status["heartbeat"]).timestamp()
        return status["state"] in ("running", "preparing") and time.time() - beat < _HEARTBEAT_LIMIT
    return False


def _read(path: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        value = json.loads(path.read_text("utf-8"))
        return value if isinstance(value, dict) else None
    return None
