"""Start and resume: the functions that the command line, a Ray worker and tests call alike.

Where several processes train one run, each of them calls the same function with the same arguments, with the variables
that torchrun or Ray Train sets (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT).
"""

from __future__ import annotations

import contextlib
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from .describe import check_unchanged, describe_run
from .errors import RunError
from .lock import locked
from .mapping import check_expressible
from .model import prepare_environment, resolve_model
from .run_file import Override, check_settings, read_run_file
from .run_folder import RunFolder
from .session import Session, ending, read_data
from .settings import Settings, settings_of
from .signals import Signals
from .status import StatusBoard

ENGINES = ("trl", "ray")
# The process that a person or the window may signal: that of the command line, where torchrun stands between.
PID_VARIABLE = "FORKSIGHT_TRL_PID"


def start_run(run_file: Path, out: Path, overrides: list[Override], trust_rewards: bool = False) -> str:
    """Starts a run in a new folder. Returns `done` or `stopped`.

    Raises RunError for all that a person can mend.
    """
    settings = read_run_file(run_file, overrides)
    check_startable(settings, trust_rewards)
    settings = _with_local_model(settings)
    folder = RunFolder(out.resolve())

    def begin(processes: int) -> None:
        folder.create(describe_run(settings, run_file, processes))

    return _run(settings, folder, begin, resumed=False)


def resume_run(path: Path, steps: int | None = None, trust_rewards: bool = False) -> str:
    """Goes on where the newest checkpoint left off. `steps`: a new number of steps."""
    folder = RunFolder(path.resolve())
    description = folder.description()
    settings = resumed_settings(description, folder.path, steps)
    check_startable(settings, trust_rewards)
    prepare_environment(settings.model)

    def begin(processes: int) -> None:
        check_unchanged(description)
        latest = folder.latest_checkpoint()
        if latest and settings.steps < latest[1]["step"]:
            raise RunError(
                f"{folder.path} has {latest[1]['step']} steps already, and steps={settings.steps} asks for fewer. "
                "Give a larger number to go on."
            )
        folder.prepare()
        folder.describe({**description, "settings": settings.raw, "processes": processes})

    return _run(settings, folder, begin, resumed=True)


def resumed_settings(description: dict[str, Any], folder: Path, steps: int | None) -> Settings:
    """Settings of a run folder. Raises RunError where it is another trainer's, or they do not hold."""
    if description.get("engine") not in ENGINES:
        raise RunError(f"{folder} is a run of {description.get('engine')}, not of TRL: resume it there.")
    raw = dict(description["settings"])
    if steps is not None:
        raw["steps"] = steps
    try:
        return settings_of(check_settings(raw))
    except RunError as error:
        raise RunError(f"The settings in {folder / 'run.json'} do not hold: {error}") from None


def check_startable(settings: Settings, trust_rewards: bool) -> None:
    """Raises RunError where the engine, a setting or the missing trust forbids the run."""
    if settings.engine not in ENGINES:
        raise RunError(
            f'This run is for the engine "{settings.engine}", and this command is TRL. '
            "Launch it from the editor, or give --set engine=trl."
        )
    if settings.reward.kind == "python" and not trust_rewards:
        raise RunError(
            f"The run file names a program of its own as the reward ({settings.reward.file}). "
            "Read it, then add --trust-rewards to let it run."
        )
    check_expressible(settings)


def processes_of(settings: Settings) -> int:
    """How many processes this run shall have, by its file; Ray's workers come from Ray."""
    return settings.trl.processes if settings.engine == "trl" else 1


def _with_local_model(settings: Settings) -> Settings:
    prepare_environment(settings.model)
    model = resolve_model(settings.model)
    return settings_of({**settings.raw, "model": model})


def _run(settings: Settings, folder: RunFolder, begin: Any, resumed: bool) -> str:
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    first = rank == 0
    pid = int(os.environ.get(PID_VARIABLE, os.getpid()))
    signals = Signals()
    signals.install()
    data = read_data(settings)
    if first:
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"The run folder cannot be made: {error}.") from None
    with locked(folder.path, pid) if first else nullcontext():
        if first:
            begin(world)
            folder.clear_stop()
        latest = folder.latest_checkpoint() if resumed else None
        board = StatusBoard(folder if first else None, settings.steps, pid, latest[1]["step"] if latest else 0)
        with ending(folder if first else None, board, signals) as outcome:
            _join(settings, world)
            session = Session(settings, data, folder.path, folder if first else None, board, signals)
            _prove_world(session, world)
            if first and resumed:
                for mended in folder.recover(latest[1] if latest else None):
                    folder.log(mended)
            session.build(world)
            outcome.append(session.train(latest))
            _leave()
    return outcome[0]


def _join(settings: Settings, world: int) -> None:
    """Connects the processes; importing torch takes seconds, so the heartbeat is going by now."""
    import torch

    # Of several processes without CUDA, accelerate connects none unless it is told that they are on the CPU.
    on_cpu = settings.gpu == "off" or (world > 1 and not torch.cuda.is_available())
    if on_cpu:
        os.environ["ACCELERATE_USE_CPU"] = "true"
    from accelerate import PartialState

    state = PartialState(cpu=on_cpu)
    if state.num_processes != world:
        raise RunError(f"{world} processes were started, but they found {state.num_processes} of themselves.")
    state.wait_for_everyone()


def _prove_world(session: Session, world: int) -> None:
    from accelerate import PartialState
    from accelerate.utils import gather_object

    ranks = gather_object([(PartialState().process_index, os.getpid())])
    told = ", ".join(f"{rank} (process {pid})" for rank, pid in ranks)
    session.log(f"world size {world}: {told}")


def _leave() -> None:
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        with contextlib.suppress(RuntimeError):
            dist.destroy_process_group()
