"""What the tests share: the repository's files, a small run, and a way to train it in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")

REPOSITORY = Path(__file__).resolve().parents[2]
POCKET = REPOSITORY / "models" / "pocket.gguf"

RunFile = Callable[..., Path]


@pytest.fixture
def run_file(tmp_path: Path) -> RunFile:
    """Writes a run of the pocket model that takes a second; arguments replace whole sections."""

    def write(**sections: Any) -> Path:
        data = REPOSITORY / "samples" / "data"
        settings: dict[str, Any] = {
            "engine": "trl",
            "model": str(POCKET),
            "adapter": {"rank": 4, "alpha": 8},
            "data": {"train": str(data / "countdown-train.jsonl")},
            "reward": {"kind": "python", "file": str(Path(__file__).parent / "letters.py")},
            "rollout": {"promptsPerStep": 2, "groupSize": 4, "maxTokens": 16, "temperature": 1.5},
            "steps": 2,
            "eval": {"every": 0},
            "analysis": {"every": 0},
            "gpu": "off",
            "threads": 1,
            **sections,
        }
        path = tmp_path / f"run-{len(list(tmp_path.iterdir()))}.forksight.yaml"
        path.write_text(json.dumps(settings), "utf-8")
        return path

    return write


def json_lines(path: Path) -> list[dict[str, Any]]:
    """All lines of a JSON Lines file; numbers that are not finite fail."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in {path}")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text("utf-8").splitlines()]


# What differs between two equal runs.
TIMES = ("time", "step_time", "step_time/rollout", "step_time/score", "step_time/update", "tokens_per_second")


def numbers(folder: Path) -> list[dict[str, Any]]:
    """A run's metrics without its times."""
    return [
        {name: value for name, value in line.items() if name not in TIMES}
        for line in json_lines(folder / "metrics.jsonl")
    ]
