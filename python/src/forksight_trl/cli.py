"""The command line: `python -m forksight_trl`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from .describe import versions
from .errors import RunError, StopNow
from .launch import launch_processes
from .run import check_startable, processes_of, resume_run, resumed_settings, start_run
from .run_file import parse_override, read_run_file
from .run_folder import RunFolder


def main(arguments: list[str] | None = None) -> int:
    """0 when the run is done or stopped as asked, 1 where it failed, 2 where the command line is wrong."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = _parser()
    options = parser.parse_args(given)
    try:
        if options.command == "versions":
            print(json.dumps(versions(options.torch), indent=2))
            return 0
        return _train(options, given)
    except RunError as error:
        print(f"forksight: {error}", file=sys.stderr)
        return 1
    except (StopNow, KeyboardInterrupt):
        print("stopped before the run began", file=sys.stderr)
        return 1


def _train(options: argparse.Namespace, given: list[str]) -> int:
    """Trains here, or as torchrun's child where several processes are wanted."""
    overrides = [parse_override(text) for text in options.set]
    started = "WORLD_SIZE" in os.environ
    if options.command == "train":
        settings = read_run_file(options.run_file, overrides)
        check_startable(settings, options.trust_rewards)
        if not started and processes_of(settings) > 1:
            return launch_processes(processes_of(settings), given, options.out)
        start_run(options.run_file, options.out, overrides, options.trust_rewards)
        return 0
    steps = _steps(overrides)
    folder = RunFolder(options.folder)
    settings = resumed_settings(folder.description(), folder.path, steps)
    if not started and processes_of(settings) > 1:
        return launch_processes(processes_of(settings), given, options.folder)
    resume_run(options.folder, steps, options.trust_rewards)
    return 0


def _steps(overrides: list[tuple[str, str]]) -> int | None:
    steps = None
    for name, value in overrides:
        if name != "steps" or not value.isdigit():
            raise RunError(f"--set {name}={value}: a resumed run takes only a new number of steps, --set steps=N.")
        steps = int(value)
    return steps


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m forksight_trl", description="Trains a Forksight run with TRL.")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="start a run in a new folder")
    train.add_argument("run_file", type=Path, metavar="RUN.forksight.yaml")
    train.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the run folder, made here")
    resume = commands.add_parser("resume", help="go on with a stopped or interrupted run")
    resume.add_argument("folder", type=Path, metavar="FOLDER")
    for one in (train, resume):
        one.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="replace a setting")
        one.add_argument("--trust-rewards", action="store_true", help="let the run file's own reward run")
    report = commands.add_parser("versions", help="print what is installed, as JSON")
    report.add_argument("--torch", action="store_true", help="also ask torch for its devices, which takes seconds")
    return parser
