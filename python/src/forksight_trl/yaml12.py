"""Run files are YAML 1.2, as the editor and the embedded trainer read them: `gpu: off` is a text, `1e-3` a number."""

from __future__ import annotations

import re
from typing import Any

import yaml

from .errors import RunError

# The core schema of YAML 1.2, section 10.3.2. PyYAML's own resolvers are those of 1.1.
_SCALARS: tuple[tuple[str, str, str], ...] = (
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+.0123456789",
    ),
)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML ships no types
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's protocol)


for _tag, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), ["" if c == "\0" else c for c in _first])


def _construct_int(loader: Any, node: Any) -> int:
    return int(node.value, 0) if node.value[:2] in ("0o", "0x") else int(node.value, 10)


def _construct_float(loader: Any, node: Any) -> float:
    return float(re.sub(r"\.(inf|nan)$", r"\1", node.value.lower()))


def _construct_mapping(loader: Any, node: Any) -> dict[Any, Any]:
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        try:
            known = key in mapping
        except TypeError:
            raise yaml.constructor.ConstructorError(
                None, None, "a setting's name is a text", key_node.start_mark
            ) from None
        if known:
            raise yaml.constructor.ConstructorError(None, None, f"`{key}` stands there twice", key_node.start_mark)
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def load_yaml(text: str, where: str) -> Any:
    """The value of a YAML 1.2 text.

    Raises RunError naming `where` and the line.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise RunError(f"{where}{line}: {error.problem or error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RunError(f"{where}: {str(error).splitlines()[0]}") from None
