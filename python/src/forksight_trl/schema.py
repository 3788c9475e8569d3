"""Checks a value against the published JSON schema of run files, and fills in its defaults.

The schema (schemas/run.schema.json, a copy of which is in this package) is made from core/run/settings.ts, the one
source of settings. It uses a small part of JSON Schema; a keyword that is not known here is an error, so that a new
rule cannot pass unchecked.
"""

from __future__ import annotations

import copy
import difflib
import json
import math
import operator
import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

from .errors import RunError

Schema = dict[str, Any]

_CHECKED = {
    "type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern",
    "properties", "additionalProperties", "required", "propertyNames", "items", "minItems",
}  # fmt: skip
_SILENT = {"$schema", "title", "description", "default"}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
}
# The words of core/run/settingProblem.ts.
_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "number": "a number",
    "integer": "a whole number",
}
_LIMITS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("at least", operator.ge),
    "maximum": ("at most", operator.le),
    "exclusiveMinimum": ("more than", operator.gt),
    "exclusiveMaximum": ("less than", operator.lt),
}


@cache
def run_schema() -> Schema:
    """The published JSON schema, as it lies in this package."""
    text = resources.files("forksight_trl").joinpath("run.schema.json").read_text("utf-8")
    schema: Schema = json.loads(text)
    return schema


def checked(value: Any, schema: Schema) -> Any:
    """The value with all defaults filled in.

    Raises RunError with one sentence for each field that does not hold, joined by "; ".
    """
    problems: list[str] = []
    filled = _check(value, schema, "", problems)
    if problems:
        raise RunError("; ".join(problems))
    return filled


def _check(value: Any, schema: Schema, field: str, problems: list[str]) -> Any:
    unknown = set(schema) - _CHECKED - _SILENT
    if unknown:
        raise RunError(
            f"The run file's schema has rules that this version does not know: {', '.join(sorted(unknown))}."
        )
    # A default in the schema is of the file's side: of a section it is {}, whose own defaults come below.
    wanted = schema.get("type")
    if wanted is not None and not _is(value, wanted):
        problems.append(f"{_name(field)}expected {_WORDS[wanted]}, but it is {_show(value)}")
        return value
    message = _range_problem(value, schema)
    if message:
        problems.append(f"{_name(field)}{message}, but it is {_show(value)}")
    if isinstance(value, dict):
        return _check_mapping(value, schema, field, problems)
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            items_wanted = "1 item" if schema["minItems"] == 1 else f"{schema['minItems']} items"
            problems.append(f"{_name(field)}expected at least {items_wanted}, but it is {_show(value)}")
        items = schema.get("items", {})
        return [_check(one, items, f"{field}.{i}", problems) for i, one in enumerate(value)]
    return value


def _check_mapping(value: dict[Any, Any], schema: Schema, field: str, problems: list[str]) -> dict[str, Any]:
    properties: dict[str, Schema] = schema.get("properties", {})
    rest = schema.get("additionalProperties", True)
    names = schema.get("propertyNames", {}).get("pattern")
    filled: dict[str, Any] = {}
    for name, one in value.items():
        at = f"{field}.{name}" if field else str(name)
        if isinstance(name, str) and name in properties:
            filled[name] = _check(one, properties[name], at, problems)
        elif rest is False or not isinstance(name, str):
            problems.append(f"{at}: there is no such setting. {_hint(str(name), properties)}")
        elif names and not re.search(names, name):
            problems.append(f"{at}: a set's name is letters, digits, dot, dash and underscore")
        else:
            filled[name] = _check(one, rest if isinstance(rest, dict) else {}, at, problems)
    for name, inner in properties.items():
        at = f"{field}.{name}" if field else name
        if name in value:
            continue
        if name in schema.get("required", []):
            problems.append(f"{at}: this setting is needed and missing")
        elif "default" in inner:
            filled[name] = _check(copy.deepcopy(inner["default"]), inner, at, problems)
    # In the schema's order, so that two runs' settings compare line by line.
    order = {name: i for i, name in enumerate(properties)}
    return dict(sorted(filled.items(), key=lambda item: order.get(item[0], len(order))))


def _range_problem(value: Any, schema: Schema) -> str | None:
    if "enum" in schema and value not in schema["enum"]:
        return "expected one of " + ", ".join(f'"{one}"' for one in schema["enum"])
    if isinstance(value, int | float) and not isinstance(value, bool):
        for keyword, (text, holds) in _LIMITS.items():
            if keyword in schema and not holds(value, schema[keyword]):
                return f"expected {text} {schema[keyword]}"
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            return "expected a text that is not empty"
        if len(value) > schema.get("maxLength", len(value)):
            return f"expected at most {schema['maxLength']} characters"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return f"expected a text like {schema['pattern']}"
    return None


def _is(value: Any, wanted: str) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    if isinstance(value, bool):
        return wanted == "boolean"
    return isinstance(value, _TYPES[wanted])


def _hint(name: str, properties: dict[str, Schema]) -> str:
    near = difflib.get_close_matches(name, properties, n=1, cutoff=0.6)
    return f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(properties)}."


def _name(field: str) -> str:
    return f"{field}: " if field else ""


def _show(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
