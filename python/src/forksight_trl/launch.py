"""Several processes on this machine, by torchrun."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from .run import PID_VARIABLE


def launch_processes(processes: int, arguments: list[str], folder: Path) -> int:
    """Runs the same command in each of `processes`, and hands SIGTERM on. Returns the exit status."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    environment = {**os.environ, PID_VARIABLE: str(os.getpid())}
    # torchrun's own default, said aloud so that it does not warn.
    environment.setdefault("OMP_NUM_THREADS", "1")
    child = subprocess.Popen([*command, "-m", "forksight_trl", *arguments], env=environment)

    def hand_on(number: int, frame: Any) -> None:
        child.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, hand_on)
    signal.signal(signal.SIGINT, hand_on)
    code = child.wait()
    # torchrun itself counts a SIGTERM as a failure; whether the run was one is in its status.
    return 0 if code == 0 or _ended_well(folder) else 1


def _ended_well(folder: Path) -> bool:
    try:
        return json.loads((folder / "status.json").read_text("utf-8"))["state"] in ("done", "stopped")
    except (OSError, ValueError, KeyError):
        return False
