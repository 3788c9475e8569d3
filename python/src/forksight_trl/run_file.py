"""Reads a run file (`*.forksight.yaml`): YAML to checked settings, or errors that name the field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .errors import RunError
from .schema import checked, run_schema
from .settings import Settings, settings_of
from .yaml12 import load_yaml

Override = tuple[str, str]
"""A dotted name and a value as written, read as YAML."""

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def parse_override(text: str) -> Override:
    """`mask.rho=0.1` as a name and a value. Raises RunError where it is not of that form."""
    match = re.fullmatch(r"([A-Za-z0-9_]+(?:\.[A-Za-z0-9_-]+)*)=(.*)", text, re.DOTALL)
    if not match:
        raise RunError(f"--set {text}: expected NAME=VALUE, for example --set mask.rho=0.1.")
    return match.group(1), match.group(2)


def read_run_file(path: Path, overrides: list[Override]) -> Settings:
    """The settings of a run file, its paths resolved against the file's folder.

    Raises RunError that names file, field and what is wrong.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"The run file cannot be read: {error}.") from None
    value = load_yaml(text, str(path))
    value = {} if value is None else value
    if not isinstance(value, dict):
        raise RunError(f"{path}:1: a run file is a mapping of settings such as `steps: 60`")
    for name, written in overrides:
        _override(value, name, written)
    try:
        raw = check_settings(value)
    except RunError as error:
        raise RunError(f"{path}: {error}") from None
    return settings_of(resolve_paths(raw, path.resolve().parent))


def check_settings(value: dict[str, Any]) -> dict[str, Any]:
    """Checked settings with every default. Raises RunError; each sentence begins with the field's name."""
    raw: dict[str, Any] = checked(value, run_schema())
    problems = _cross_field(raw)
    if problems:
        raise RunError("; ".join(problems))
    return raw


def _cross_field(raw: dict[str, Any]) -> list[str]:
    """What core/run/settings.ts checks beyond a JSON schema."""
    problems: list[str] = []
    rollout, objective, reward = raw["rollout"], raw["objective"], raw["reward"]
    sft = objective["loss"] == "sft"
    if not sft and rollout["groupSize"] < 2:
        problems.append("rollout.groupSize: a group needs at least 2 rollouts")
    sequences = rollout["promptsPerStep"] * (1 if sft else rollout["groupSize"])
    if raw["miniBatches"] > sequences:
        problems.append(f"miniBatches: a step has {sequences} sequences, too few for {raw['miniBatches']} mini-batches")
    overlong = objective.get("overlong")
    if overlong and overlong["cache"] > overlong["maximum"]:
        problems.append("objective.overlong.cache: must not exceed `maximum`")
    if sft and objective["dynamicSampling"]:
        problems.append("objective.dynamicSampling: has no meaning with `loss: sft`, which samples no rollouts")
    if reward["kind"] in ("javascript", "python") and "file" not in reward:
        problems.append(f"reward.file: a {reward['kind']} reward needs the file that holds it")
    return problems


def resolve_paths(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Paths made absolute; a model that is no file here and reads like a Hugging Face id stays one."""

    def at(path: str) -> str:
        return str((folder / Path(path).expanduser()).resolve())

    model = raw["model"]
    is_id = HUB_ID.fullmatch(model) and not model.endswith(".gguf") and not Path(at(model)).exists()
    data = raw["data"]
    resolved = {
        **raw,
        "model": model if is_id else at(model),
        "data": {"train": at(data["train"]), "eval": {name: at(path) for name, path in data["eval"].items()}},
    }
    if "file" in raw["reward"]:
        resolved["reward"] = {**raw["reward"], "file": at(raw["reward"]["file"])}
    return resolved


def run_name(path: Path) -> str:
    """A run file's name without `.forksight.yaml`."""
    return re.sub(r"(\.forksight)?\.(ya?ml|json)$", "", path.name, flags=re.IGNORECASE)


def _override(value: dict[str, Any], name: str, written: str) -> None:
    at = value
    *sections, last = name.split(".")
    for section in sections:
        inner = at.get(section)
        if not isinstance(inner, dict):
            inner = at[section] = {}
        at = inner
    at[last] = load_yaml(written, f"--set {name}")
