"""run.json: what a run is, written before anything is trained; and the versions of what trains it."""

from __future__ import annotations

import hashlib
import platform
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from . import __version__
from .errors import RunError
from .run_file import run_name
from .run_folder import now_iso
from .settings import Settings

# Distributions without which nothing runs, and those that a setting may ask for.
NEEDED = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "gguf", "PyYAML")
OPTIONAL = {"vllm": "vllm", "tensorboard": "tensorboard", "math-verify": "math-verify", "ray": "ray"}
_WEIGHTS = (".safetensors", ".bin", ".json", ".model", ".txt", ".jinja", ".gguf")
_CHUNK = 1 << 20


def version_of(distribution: str) -> str | None:
    """An installed distribution's version, from its metadata: nothing is imported."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def versions(ask_torch: bool = False) -> dict[str, Any]:
    """What `python -m forksight_trl versions` prints. `ask_torch` imports torch, which takes seconds, for its devices."""
    found = {name.lower(): version_of(name) for name in NEEDED}
    report: dict[str, Any] = {
        "forksight_trl": __version__,
        "python": platform.python_version(),
        "needed": found,
        "optional": {name: version_of(name) for name in OPTIONAL.values()},
        "missing": [name for name, version in found.items() if version is None],
        "unfit": unfit(),
    }
    torch_version = found["torch"]
    if torch_version and not ask_torch:
        report["build"] = torch_version.partition("+")[2] or None
    if torch_version and ask_torch:
        import torch

        cuda = torch.cuda.is_available()
        report["cuda"] = {
            "available": cuda,
            "version": torch.version.cuda,
            "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else [],
        }
        report["mps"] = torch.backends.mps.is_available()
    return report


def unfit() -> list[str]:
    """Installed distributions whose release is none that pyproject.toml allows, such as `trl 0.9.6 (needed: >=1.13,<2)`."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return []
    file = Path(__file__).parents[2] / "pyproject.toml"
    if not file.exists():
        # Installed as a package: pip has seen to it.
        return []
    problems = []
    for text in tomllib.loads(file.read_text("utf-8"))["project"]["dependencies"]:
        needed = Requirement(text)
        version = version_of(needed.name)
        if version is not None and not needed.specifier.contains(version, prereleases=True):
            problems.append(f"{needed.name} {version} (needed: {needed.specifier})")
    return problems


def describe_run(settings: Settings, run_file: Path, processes: int) -> dict[str, Any]:
    """run.json. Raises RunError where model or data cannot be read."""
    installed = {name.lower(): version_of(name) for name in (*NEEDED, *OPTIONAL.values())}
    return {
        "format": 1,
        "name": settings.name or run_name(run_file),
        "engine": settings.engine,
        "created": now_iso(),
        "runFile": str(run_file.resolve()),
        "settings": settings.raw,
        "seed": settings.seed,
        "versions": {
            "forksight": __version__,
            "python": platform.python_version(),
            **{name: version for name, version in installed.items() if version},
        },
        "processes": processes,
        "model": hashed(settings.model, "model"),
        "data": {
            "train": hashed(settings.data.train, "data.train"),
            "eval": {name: hashed(path, f"data.eval.{name}") for name, path in settings.data.eval.items()},
        },
    }


def check_unchanged(description: dict[str, Any]) -> None:
    """Raises RunError where the model or the data is not what it was when the run began."""
    data = description["data"]
    files = [("model", description["model"]), ("data.train", data["train"])]
    files += [(f"data.eval.{name}", one) for name, one in data["eval"].items()]
    for field, one in files:
        if hashed(one["path"], field)["sha256"] != one["sha256"]:
            raise RunError(
                f"{one['path']} ({field}) has changed since the run began, so that resuming would mix two runs. "
                "Bring the old file back, or start a new run."
            )


def hashed(path: str, field: str) -> dict[str, Any]:
    """A file's path, SHA-256 and size; of a model's folder the same over its files' names and contents."""
    at = Path(path)
    files = [at]
    if at.is_dir():
        files = sorted(one for one in at.iterdir() if one.is_file() and one.suffix in _WEIGHTS)
        if not (at / "config.json").exists():
            raise RunError(f"{field}: {path} is no Hugging Face model folder, it has no config.json.")
    digest = hashlib.sha256()
    size = 0
    try:
        for one in files:
            if at.is_dir():
                digest.update(one.name.encode() + b"\0")
            with one.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
    except OSError as error:
        raise RunError(f"{field} cannot be read: {error}.") from None
    return {"path": str(at), "sha256": digest.hexdigest(), "bytes": size}
