"""The job of the engine "Ray cluster": `python -m forksight_trl.ray_job`, run by the Jobs interface.

The driver starts TRL under Ray Train with one process a worker. The first worker watches its run folder and hands what
changes to an actor (`Relay`); the driver takes it from there and prints it (core/run/stream.ts). `ray_job stop`, a job of
its own, tells the same actor that the run shall stop: the Jobs interface's own stop kills after three seconds.

The order stands in FORKSIGHT_JOB, as JSON (`Order`); extension/ray/launchJob.ts writes it. The working directory is the
package that the window uploaded: this package, the run file, and what a resumed run needs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import RunError
from .folder_stream import FolderStream, Frame, frame_line
from .run import resume_run, start_run
from .run_file import read_run_file

NAMESPACE = "forksight"
RUN_FILE = "run.forksight.yaml"
RESUMED = "resumed"
# Seconds between looks at the run folder.
_PERIOD = 1.0
# Seconds that a request to stop waits for a job that is only just starting.
_STOP_PATIENCE = 50.0
# Characters that core/run/stream.ts takes.
_LONGEST_REASON = 4000


@dataclass(frozen=True)
class Order:
    """What the window asks for."""

    # The job's id, and the relay's name.
    job: str
    # The run folder on a disk that all nodes see; empty: each node has its own.
    storage: str = ""
    resume: bool = False
    # The window has the run up to this step.
    since: int = 0
    steps: int | None = None
    trust_rewards: bool = False


def main() -> int:
    """The exit status: 0 where the run is done or stopped as asked."""
    order = Order(**json.loads(os.environ["FORKSIGHT_JOB"]))
    return _stop(order) if sys.argv[1:] == ["stop"] else _drive(order)


class Relay:
    """An actor between the first worker, wherever it runs, and the driver, whose output the window reads."""

    def __init__(self) -> None:
        self._frames: list[Frame | str] = []
        self._stop = False
        self._reason = ""

    def put(self, frames: list[Frame | str]) -> bool:
        """Takes frames, and lines for a person. Returns whether the run shall stop."""
        self._frames += frames
        return self._stop

    def take(self) -> list[Frame | str]:
        """What came since the last call."""
        taken, self._frames = self._frames, []
        return taken

    def fail(self, reason: str) -> None:
        """Why a worker gave up, for a person. The first one counts."""
        self._reason = self._reason or reason

    def reason(self) -> str:
        """What `fail` was told; empty where nothing failed."""
        return self._reason

    def ask_to_stop(self) -> None:
        """From now on `put` says so."""
        self._stop = True


class Printer:
    """Numbers frames and prints them, each line in one write: others write to the same file."""

    def __init__(self) -> None:
        self._number = 0

    def print(self, what: Frame | str) -> None:
        """A frame, or a line for a person."""
        if isinstance(what, dict):
            self._number += 1
            what = frame_line(self._number, what)
        # A line of somebody else's may be unfinished.
        rest = f"\n{what}\n".encode()
        while rest:
            rest = rest[os.write(1, rest) :]


def _drive(order: Order) -> int:
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    settings = read_run_file(Path(RUN_FILE), [])
    wanted = settings.raw.get("ray") or {}
    gpus = wanted.get("gpusPerWorker", 0)
    # Worker processes are started in the package's folder, and stay there.
    os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"
    ray.init(namespace=NAMESPACE)
    relay = ray.remote(num_cpus=0)(Relay).options(name=order.job).remote()
    signal.signal(signal.SIGTERM, lambda *_: relay.ask_to_stop.remote())
    trainer = TorchTrainer(
        _work,
        train_loop_config=asdict(order),
        scaling_config=ScalingConfig(
            num_workers=wanted.get("workers", 1),
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": wanted.get("cpusPerWorker", 1), **({"GPU": gpus} if gpus > 0 else {})},
        ),
        run_config=RunConfig(name=order.job, storage_path=os.path.dirname(order.storage) or None),
        torch_config=TorchConfig(backend="nccl" if gpus > 0 else "gloo"),
    )
    printer = Printer()
    ended = threading.Event()

    def print_all() -> None:
        for one in ray.get(relay.take.remote()):
            printer.print(one)

    def keep_printing() -> None:
        while not ended.wait(_PERIOD):
            print_all()

    printing = threading.Thread(target=keep_printing, daemon=True)
    printing.start()
    try:
        trainer.fit()
        return 0
    finally:
        ended.set()
        printing.join()
        print_all()
        reason = ray.get(relay.reason.remote())
        printer.print({"op": "end", **({"failed": reason[:_LONGEST_REASON]} if reason else {})})


def _work(config: dict[str, Any]) -> None:
    """In each worker: the same training, with the variables that Ray Train set."""
    import ray

    order = Order(**config)
    relay = ray.get_actor(order.job, namespace=NAMESPACE)
    try:
        _take_part(order, relay)
    except RunError as error:
        # Ray would tell the driver in a long traceback.
        ray.get(relay.fail.remote(str(error)))
        raise


def _take_part(order: Order, relay: Any) -> None:
    """`relay`: the handle of the actor `Relay`."""
    import ray
    import torch.distributed as dist

    rank, local_rank = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
    package = Path(__file__).parents[1]
    folder = Path(order.storage) if order.storage else Path(tempfile.gettempdir()) / order.job
    if (rank if order.storage else local_rank) == 0:
        _prepare(order, folder, package)
    dist.barrier()
    if rank != 0:
        _train(order, folder, package)
        return
    settings = read_run_file(package / RUN_FILE, [])
    notes: list[str] = []
    stream = FolderStream(folder, order.since, settings.checkpoints.every, not order.storage, notes.append)

    asked = threading.Event()

    def send(last: bool = False) -> None:
        stop = ray.get(relay.put.remote([*stream.poll(last), *notes]))
        notes.clear()
        # Once: the trainer removes the request when it has heard it.
        if stop and not asked.is_set():
            asked.set()
            (folder / "stop").touch()

    with Sending(send):
        _train(order, folder, package)
    if not order.storage:
        shutil.rmtree(folder, ignore_errors=True)


class Sending:
    """Calls `send` again and again while the body trains, and once more, with True, when that has ended."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._send(True)

    def _go_on(self) -> None:
        while not self._ended.wait(_PERIOD):
            self._send()


def _prepare(order: Order, folder: Path, package: Path) -> None:
    if not order.storage:
        shutil.rmtree(folder, ignore_errors=True)
        if order.resume:
            shutil.copytree(package / RESUMED, folder)
    if order.resume:
        _move_to(folder / "run.json", package)


def _move_to(file: Path, package: Path) -> None:
    """The paths in run.json are of the package that an earlier job had: the same files lie in this one's."""
    description = json.loads(file.read_text("utf-8"))
    settings = read_run_file(package / RUN_FILE, [])
    description["settings"] = settings.raw
    description["model"]["path"] = settings.model
    description["data"]["train"]["path"] = settings.data.train
    for name, path in settings.data.eval.items():
        description["data"]["eval"][name]["path"] = path
    file.write_text(json.dumps(description, indent=2), "utf-8")


def _train(order: Order, folder: Path, package: Path) -> None:
    if order.resume:
        resume_run(folder, order.steps, order.trust_rewards)
    else:
        start_run(package / RUN_FILE, folder, [], order.trust_rewards)


def _stop(order: Order) -> int:
    import ray

    ray.init(namespace=NAMESPACE)
    until = time.monotonic() + _STOP_PATIENCE
    while True:
        try:
            relay = ray.get_actor(order.job, namespace=NAMESPACE)
            break
        except ValueError:
            # Not started yet, or over.
            if time.monotonic() > until:
                print(f"{order.job} has not started, or is over", file=sys.stderr)
                return 1
            time.sleep(1)
    ray.get(relay.ask_to_stop.remote())
    return 0


if __name__ == "__main__":
    sys.exit(main())
