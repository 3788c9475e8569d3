"""What of the Ray job needs no Ray; the rest runs in test/integration/engines/ray.test.ts on a real head."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import pytest

from forksight_trl.folder_stream import CHUNK, FolderStream, Frame, frame_line
from forksight_trl.ray_job import Order, Printer, Relay, Sending, _prepare


def written(frames: list[Frame]) -> dict[str, bytes]:
    """Files by path, after writes, moves and removals."""
    files: dict[str, bytes] = {}
    for frame in frames:
        if frame["op"] == "write":
            before = files.get(frame["path"], b"")
            assert len(before) >= frame["at"], "a hole"
            files[frame["path"]] = before[: frame["at"]] + zlib.decompress(base64.b64decode(frame["data"]))
        elif frame["op"] == "move":
            for path in [one for one in files if one == frame["from"] or one.startswith(frame["from"] + "/")]:
                files[frame["to"] + path[len(frame["from"]) :]] = files.pop(path)
        else:
            for path in [one for one in files if one == frame["path"] or one.startswith(frame["path"] + "/")]:
                del files[path]
    return files


def test_a_status_never_runs_ahead_of_what_it_speaks_of(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step":1}\n')
    (tmp_path / "status.json").write_text('{"state":"running","step":1}')
    stream = FolderStream(tmp_path, 0, 1, True, print)
    frames = []
    for frame in stream.poll():
        # The trainer goes on while it is looked at.
        (tmp_path / "status.json").write_text('{"state":"running","step":2}')
        frames.append(frame)
    assert written(frames) == {"metrics.jsonl": b'{"step":1}\n', "status.json": b'{"state":"running","step":1}'}


def test_a_long_file_goes_in_chunks_and_grows_where_it_ended(tmp_path: Path) -> None:
    content = bytes(range(256)) * (CHUNK // 100)
    (tmp_path / "trainer.log").write_bytes(content)
    stream = FolderStream(tmp_path, 0, 1, True, print)
    frames = list(stream.poll())
    assert len(frames) > 3
    with (tmp_path / "trainer.log").open("ab") as file:
        file.write(b"more")
    frames += stream.poll()
    assert written(frames) == {"trainer.log": content + b"more"}
    assert list(stream.poll()) == []


def test_a_line_is_one_write_that_no_unfinished_line_spoils(capfd: pytest.CaptureFixture[str]) -> None:
    printer = Printer()
    printer.print("for a person")
    printer.print({"op": "end"})
    printer.print({"op": "end"})
    lines = [line for line in capfd.readouterr().out.split("\n") if line]
    assert lines == ["for a person", '#forksight 1 {"op":"end"}', frame_line(2, {"op": "end"})]


def test_the_relay_hands_on_in_order_and_says_when_to_stop() -> None:
    relay = Relay()
    assert relay.put([{"op": "end"}, "a"]) is False
    relay.ask_to_stop()
    assert relay.put(["b"]) is True
    assert relay.take() == [{"op": "end"}, "a", "b"]
    assert relay.take() == []


def test_the_relay_keeps_the_first_reason() -> None:
    relay = Relay()
    assert relay.reason() == ""
    relay.fail("model: there is no x")
    relay.fail("the other worker is gone")
    assert relay.reason() == "model: there is no x"


def test_what_changed_last_is_sent_even_when_training_fails() -> None:
    sent: list[bool] = []
    with pytest.raises(ValueError, match="diverged"), Sending(lambda last=False: sent.append(last)):
        raise ValueError("diverged")
    assert sent == [True]


def test_a_resumed_run_finds_its_files_in_the_new_package(tmp_path: Path) -> None:
    package, folder = tmp_path / "package", tmp_path / "run"
    for name in ("files/model.gguf", "files/train.jsonl", "files/eval/held.jsonl", "resumed/metrics.jsonl"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("")
    settings = {
        "engine": "ray",
        "model": "files/model.gguf",
        "data": {"train": "files/train.jsonl", "eval": {"held": "files/eval/held.jsonl"}},
    }
    (package / "run.forksight.yaml").write_text(json.dumps(settings))
    old = {"path": "/gone/model.gguf", "sha256": "ab", "bytes": 0}
    description = {
        "format": 1,
        "engine": "ray",
        "settings": {"model": "/gone/model.gguf"},
        "model": old,
        "data": {"train": old, "eval": {"held": old}},
    }
    (package / "resumed/run.json").write_text(json.dumps(description))
    _prepare(Order("job", resume=True), folder, package)
    moved = json.loads((folder / "run.json").read_text())
    assert (folder / "metrics.jsonl").exists()
    assert moved["model"] == {"path": str(package / "files/model.gguf"), "sha256": "ab", "bytes": 0}
    assert moved["data"]["eval"]["held"]["path"] == str(package / "files/eval/held.jsonl")
    assert moved["settings"]["model"] == moved["model"]["path"]
    assert moved["settings"]["steps"] == 60
