"""Two processes by torchrun, from the command line: one threshold over both, and SIGTERM to the first of them all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from conftest import json_lines

from forksight_trl.masks import top_count

SECONDS = 180


def test_two_processes_share_a_threshold_and_stop_on_sigterm(run_file, tmp_path: Path):
    path = run_file(
        steps=1000,
        trl={"processes": 2},
        reward={"kind": "countdown"},
        rollout={"promptsPerStep": 2, "groupSize": 2, "maxTokens": 16, "temperature": 1.5},
        # One group a process; 60 tokens a call, so that a mini-batch is two calls in each.
        microBatchTokens=60,
        mask={"rho": 0.3},
    )
    out = tmp_path / "run"
    command = [sys.executable, "-m", "forksight_trl", "train", str(path), "--out", str(out)]
    with (tmp_path / "output.txt").open("w") as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            wait_for(lambda: (out / "checkpoints" / "step-2").exists(), child, tmp_path)
            child.send_signal(signal.SIGTERM)
            assert child.wait(SECONDS) == 0, (tmp_path / "output.txt").read_text()
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
    status = json.loads((out / "status.json").read_text("utf-8"))
    assert status["state"] == "stopped"
    assert status["pid"] == child.pid
    assert json.loads((out / "run.json").read_text("utf-8"))["processes"] == 2
    assert "world size 2: 0 (process " in (out / "trainer.log").read_text("utf-8")
    lines = json_lines(out / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    assert status["step"] == len(lines)
    rollouts = json_lines(out / "rollouts" / "step-1.jsonl")
    assert [one["group"] for one in rollouts] == [0, 0, 1, 1]
    assert rollouts[0]["tokens"]["ids"] != rollouts[2]["tokens"]["ids"]
    entropy = torch.tensor([nats for one in rollouts for nats in one["tokens"]["entropy"]])
    kept = torch.tensor([bit for one in rollouts for bit in one["tokens"]["kept"]]).bool()
    assert int(kept.sum()) == top_count(len(kept), 0.3)
    assert entropy[kept].min() >= entropy[~kept].max()
    assert abs(lines[0]["entropy_mask/threshold"] - float(entropy[kept].min())) < 1e-3


def wait_for(holds, child: subprocess.Popen, folder: Path) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert child.poll() is None, (folder / "output.txt").read_text()
        assert time.monotonic() < end, (folder / "output.txt").read_text()
        time.sleep(0.2)
