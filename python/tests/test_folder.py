"""The run folder without a run: its lock, what is kept of checkpoints, and what a kill leaves behind."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from forksight_trl.errors import RunError
from forksight_trl.lock import locked
from forksight_trl.run_folder import RunFolder
from forksight_trl.status import StatusBoard


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.create({"format": 1, "settings": {}})
    return made


def commit(folder: RunFolder, step: int) -> None:
    written = folder.scratch / f"checkpoint-{step}"
    written.mkdir(parents=True)
    folder.commit_checkpoint(written, {"format": 1, "step": step, "line": {"step": step, "time": 1.0}})


def steps(folder: RunFolder) -> list[str]:
    return sorted(one.name for one in folder.checkpoints.iterdir())


def owner(folder: RunFolder, pid: int) -> None:
    (folder.path / "lock").write_text(json.dumps({"pid": pid, "host": socket.gethostname()}))


def test_one_trainer_per_folder(folder: RunFolder):
    owner(folder, os.getppid())
    with pytest.raises(RunError, match=f"at work in .* \\(process {os.getppid()} "), locked(folder.path, os.getpid()):
        pass
    # Its process is gone, or its heartbeat is old: the lock was left behind.
    owner(folder, 2**22 - 7)
    with locked(folder.path, os.getpid()):
        assert json.loads((folder.path / "lock").read_text())["pid"] == os.getpid()
    assert not (folder.path / "lock").exists()
    owner(folder, os.getppid())
    status = {"pid": os.getppid(), "state": "running", "heartbeat": "2020-01-01T00:00:00.000Z"}
    (folder.path / "status.json").write_text(json.dumps(status))
    with locked(folder.path, os.getpid()):
        pass


def test_the_newest_and_every_nth_checkpoint_are_kept(folder: RunFolder):
    for step in range(8):
        commit(folder, step)
        folder.prune(2, 2)
    assert steps(folder) == ["step-4", "step-6", "step-7"]
    folder.prune(0, 5)
    assert steps(folder) == ["step-7"]


def test_what_a_kill_left_is_brought_back_to_the_newest_checkpoint(folder: RunFolder):
    for step in (1, 2):
        commit(folder, step)
        folder.write_rollouts(step, [{"step": step}])
    # Killed between the rename of step 2 and its line, with step 3 under way.
    folder.append_metrics({"step": 1, "time": 1.0})
    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write('{"step":')
    folder.write_rollouts(3, [])
    (folder.checkpoints / ".step-3-new").mkdir()
    (folder.checkpoints / ".trl" / "checkpoint-3").mkdir(parents=True)
    (folder.checkpoints / "step-9").mkdir()
    latest = folder.latest_checkpoint()
    assert latest is not None
    assert latest[1]["step"] == 2
    mended = folder.recover(latest[1])
    assert steps(folder) == ["step-1", "step-2"]
    lines = [json.loads(line) for line in (folder.path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert sorted(one.name for one in folder.rollouts.iterdir()) == ["step-1.jsonl", "step-2.jsonl"]
    assert len(mended) == 4
    assert folder.recover(latest[1]) == []


def test_the_heartbeat_goes_on_while_nothing_else_does(folder: RunFolder, monkeypatch):
    monkeypatch.setattr("forksight_trl.status._HEARTBEAT", 0.05)
    board = StatusBoard(folder, 10, 4711)

    def read() -> dict:
        return json.loads((folder.path / "status.json").read_text())

    first = read()
    assert (first["state"], first["activity"], first["eta"], first["pid"]) == ("preparing", "load", None, 4711)
    assert first["memory"] > 1e6
    end = time.monotonic() + 10
    while read()["heartbeat"] == first["heartbeat"]:
        assert time.monotonic() < end
        time.sleep(0.02)
    board.running(0)
    board.step_done(1, 2.0)
    assert read()["eta"] == 18
    board.end("stopped", "stopped; can be resumed")
    last = read()
    assert (last["state"], last["step"]) == ("stopped", 1)
    assert "activity" not in last
    time.sleep(0.15)
    assert read() == last
