"""Run files: the same defaults, checks and YAML as the embedded trainer's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import REPOSITORY

from forksight_trl import mapping
from forksight_trl.data import problem_order, read_problems
from forksight_trl.errors import RunError
from forksight_trl.mapping import check_expressible, plan_batches
from forksight_trl.model import resolve_model
from forksight_trl.run_file import parse_override, read_run_file
from forksight_trl.run_folder import json_text
from forksight_trl.schema import run_schema
from forksight_trl.seeds import derive_seed, shuffled
from forksight_trl.settings import settings_of
from forksight_trl.yaml12 import load_yaml

SAMPLE = REPOSITORY / "samples" / "runs" / "countdown-top20.forksight.yaml"


def read(text: str, tmp_path: Path, *overrides: str):
    path = tmp_path / "a.forksight.yaml"
    path.write_text(text, "utf-8")
    return read_run_file(path, [parse_override(one) for one in overrides])


def test_the_schema_in_the_package_is_the_published_one():
    assert run_schema() == json.loads((REPOSITORY / "schemas" / "run.schema.json").read_text("utf-8"))


def test_the_sample_is_read_with_paths_resolved():
    settings = read_run_file(SAMPLE, [parse_override("mask.kind=bottom"), parse_override("steps=3")])
    assert settings.model == str(REPOSITORY / "models" / "pocket.gguf")
    assert settings.gpu == "off"
    assert (settings.mask.kind, settings.mask.rho, settings.steps) == ("bottom", 0.2, 3)
    assert settings.sequences == 16 * 8


def test_defaults_are_filled_in(tmp_path: Path):
    settings = read("model: m.gguf\ndata: {train: t.jsonl}\n", tmp_path)
    assert settings.optimizer.learning_rate == 1e-3
    assert settings.rollout.group_size == 8
    assert settings.adapter.targets[0] == "q_proj"
    assert settings.trl.processes == 1
    assert settings.raw["mask"] == {
        "kind": "top",
        "rho": 0.2,
        "pool": "mini-batch",
        "rule": "exact",
        "denominator": "kept",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: {train: t}", "model: this setting is needed and missing"),
        ("model: m\ndata: {train: t}\nmask: {rho: 0}", "mask.rho: expected more than 0, but it is 0"),
        ("model: m\ndata: {train: t}\nmask: {rho: .nan}", "mask.rho: expected a number"),
        ("model: m\ndata: {train: t}\nadapter: {alpha: .inf}", "adapter.alpha: expected a number"),
        ("model: m\ndata: {train: t}\nobjective: {entropyCoefficient: -.inf}", "Coefficient: expected a number"),
        ("model: m\ndata: {train: t}\nmask: {rhoo: 1}", "mask.rhoo: there is no such setting. Did you mean `rho`?"),
        ("model: m\ndata: {train: t}\nsteps: 1.5", "steps: expected a whole number, but it is 1.5"),
        ("model: m\ndata: {train: t}\nsteps: true", "steps: expected a whole number, but it is true"),
        ("model: m\ndata: {train: t}\ngpu: tpu", 'gpu: expected one of "auto"'),
        ("model: m\ndata: {train: t}\nrollout: {groupSize: 1}", "rollout.groupSize: a group needs at least 2"),
        ("model: m\ndata: {train: t}\nreward: {kind: python}", "reward.file: a python reward needs"),
        ("model: m\ndata: {train: t, eval: {a/b: t}}", "data.eval.a/b: a set's name is"),
        ("model: m\nmodel: n\ndata: {train: t}", ":2: `model` stands there twice"),
        ("- 1", ":1: a run file is a mapping"),
        ("a: [", ":1:"),
    ],
)
def test_errors_name_the_field(text: str, message: str, tmp_path: Path):
    with pytest.raises(RunError) as error:
        read(text, tmp_path)
    assert message in str(error.value)


def test_yaml_is_of_version_1_2():
    value = load_yaml("{a: off, b: yes, c: 1e-3, d: .5, e: -.inf, f: 0o17, g: 010, h: null, i: 12:30}", "here")
    assert value == {
        "a": "off", "b": "yes", "c": 1e-3, "d": 0.5, "e": float("-inf"), "f": 15, "g": 10, "h": None, "i": "12:30",
    }  # fmt: skip


def test_draws_are_those_of_the_embedded_trainer():
    # Printed by core/rl/seed.ts.
    assert derive_seed(1, 0, "order", 0) == 2243606179
    assert derive_seed(4294967295, 7, "mask", 65536) == 144528764
    assert shuffled(12, derive_seed(1, 0, "order")) == [2, 8, 9, 3, 1, 4, 7, 11, 6, 10, 0, 5]
    assert problem_order(12, 1, 14)[:12] == [2, 8, 9, 3, 1, 4, 7, 11, 6, 10, 0, 5]
    assert sorted(problem_order(3, 5, 9)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("override", "field"),
    [
        ("objective.loss=sft", "objective.loss"),
        ("objective.dynamicSampling=true", "objective.dynamicSampling"),
        ("reward={kind: javascript, file: r.mjs}", "reward.kind"),
    ],
)
def test_what_trl_cannot_express_is_refused_by_name(override: str, field: str):
    with pytest.raises(RunError, match=field):
        check_expressible(read_run_file(SAMPLE, [parse_override(override)]))


@pytest.mark.parametrize(
    ("overrides", "fields"),
    [
        (["engine=trl"], []),
        (["engine=trl", "ray.workers=2", "trl.processes=2"], ["ray"]),
        (["engine=ray", "ray.workers=2", "trl.processes=2"], ["trl.processes"]),
        (["engine=trl", "objective.maxResamples=9"], ["objective.maxResamples"]),
        (["engine=trl", "reward.python=py", "reward.timeoutSeconds=9"], ["reward.timeoutSeconds", "reward.python"]),
        (["engine=trl", "reward={kind: python, file: r.py, python: py, timeoutSeconds: 9}"], ["reward.python"]),
    ],
)
def test_what_has_no_effect_is_said_by_name(overrides: list[str], fields: list[str]):
    warned = check_expressible(read_run_file(SAMPLE, [parse_override(one) for one in overrides]))
    assert [one.split(":")[0] for one in warned] == fields


def test_a_step_is_divided_so_that_a_call_stays_within_its_tokens():
    settings = read_run_file(SAMPLE, [])  # 128 rollouts, 440 + 43 tokens, 4096 tokens a call
    one = plan_batches(settings, 1, 43)
    assert (one.accumulation, one.per_device) == (16, 8)
    assert one.per_device * one.accumulation * one.mini_batches == 128
    with pytest.raises(RunError, match=r"128 rollouts.*3 processes"):
        plan_batches(settings, 3, 43)


def test_the_table_of_the_mapping_names_every_setting():
    properties = run_schema()["properties"]
    for section in ("adapter", "rollout", "objective", "mask", "trl"):
        for name in set(properties[section]["properties"]) - {"processes", "maxResamples"}:
            assert re.search(rf"\b{name}\b", mapping.__doc__ or ""), f"{section}.{name}"
    for name in set(properties) - {"name", "engine", "model", "data", "reward", "ray"}:
        assert re.search(rf"\b{name}\b", mapping.__doc__ or ""), name


def test_data_errors_name_file_and_lines(tmp_path: Path):
    path = tmp_path / "d.jsonl"
    path.write_text('{"prompt": "a"}\n{"nothing": 1}\n\n[1]\n{"prompt": [{"role": "user"}]}\n', "utf-8")
    with pytest.raises(RunError, match=r"d\.jsonl has 3 bad lines: line 2: .*; line 4: .*; line 5: "):
        read_problems(str(path), lambda problem: None)
    path.write_text('\ufeff{"question": "q", "answer": 4}\r\n', "utf-8")
    (problem,) = read_problems(str(path), lambda problem: None)
    assert problem.prompt == [{"role": "user", "content": "q"}]
    assert problem.columns == {"answer": 4}


def test_numbers_that_are_not_finite_are_null():
    text = json_text({"a": float("nan"), "b": [float("inf"), 1.5]})
    assert text == '{"a":null,"b":[null,1.5]}'


def test_typed_settings_know_every_setting_of_the_schema():
    raw = read_run_file(SAMPLE, []).raw
    typed = settings_of(raw)
    assert set(raw) - {"name"} <= {"".join([w if i == 0 else w.title() for i, w in enumerate(n.split("_"))])
                                   for n in vars(typed)}  # fmt: skip


def test_a_hugging_face_id_that_cannot_be_fetched_is_said_in_one_line_and_soon(monkeypatch):
    asked = []

    def unreachable(_api, model: str, timeout: float):
        asked.append((model, timeout))
        raise OSError("no answer\n\nfrom the Hub")

    def not_here(model: str, local_files_only: bool, **_rest):
        assert local_files_only
        raise FileNotFoundError(model)

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)
    monkeypatch.setattr("huggingface_hub.snapshot_download", not_here)
    with pytest.raises(RunError, match=r"^model: owner/name .* no answer from the Hub\. Check [^\n]*$"):
        resolve_model("owner/name")
    ((model, limit),) = asked
    assert model == "owner/name"
    assert 0 < limit <= 30
