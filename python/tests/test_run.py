"""Runs of the pocket model: the folder that is written, masks and losses as the rules have them, stop and resume."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from conftest import POCKET, REPOSITORY, json_lines, numbers
from safetensors.torch import load_file

from forksight_trl import session
from forksight_trl.errors import RunError
from forksight_trl.masks import top_count
from forksight_trl.model import Device, load_model, load_tokenizer
from forksight_trl.run import resume_run, start_run

DATA = REPOSITORY / "samples" / "data"
MIXED = {"mask": {"rho": 0.3}, "miniBatches": 2, "microBatchTokens": 120}


def train(run_file: Path, out: Path, *overrides: tuple[str, str]) -> Path:
    assert start_run(run_file, out, list(overrides), trust_rewards=True) == "done"
    return out


def test_the_run_folder_is_the_contract(run_file, tmp_path: Path):
    path = run_file(
        name="small",
        data={"train": str(DATA / "countdown-train.jsonl"), "eval": {"held": str(DATA / "countdown-test.jsonl")}},
        eval={"every": 1, "limit": 3},
        analysis={"every": 1, "rollouts": 3},
        trl={"tensorboard": True},
    )
    out = train(path, tmp_path / "run")
    described = json.loads((out / "run.json").read_text("utf-8"))
    assert (described["engine"], described["name"], described["processes"], described["seed"]) == ("trl", "small", 1, 1)
    assert described["model"]["bytes"] == POCKET.stat().st_size
    assert described["versions"]["trl"]
    status = json.loads((out / "status.json").read_text("utf-8"))
    assert (status["state"], status["step"], status["steps"], status["eta"]) == ("done", 2, 2, 0)
    base, first, second = json_lines(out / "metrics.jsonl")
    assert set(base) == {"step", "time", "eval/held/accuracy", "eval/held/mean_length"}
    assert {
        "loss", "reward", "reward_std", "frac_reward_zero_std", "entropy", "entropy/forking", "entropy/rest",
        "entropy_mask/threshold", "entropy_mask/kept_fraction", "completions/mean_length", "completions/clipped_ratio",
        "clip_ratio/low_mean", "clip_ratio/high_mean", "grad_norm", "learning_rate", "num_tokens", "tokens_per_second",
        "step_time", "step_time/rollout", "step_time/score", "step_time/update", "eval/held/accuracy",
    } <= set(first)  # fmt: skip
    assert len(first["entropy/percentiles"]) == 21
    assert first["entropy/percentiles"] == sorted(first["entropy/percentiles"])
    assert len(second["compare/entropy_change"]) == 20
    assert 0 <= second["compare/overlap"] <= 1
    assert any(change for change in second["compare/entropy_change"])
    assert second["num_tokens"] > first["num_tokens"]
    rollouts = json_lines(out / "rollouts" / "step-2.jsonl")
    assert [one["group"] for one in rollouts] == [0, 0, 0, 0, 1, 1, 1, 1]
    for one in rollouts:
        assert len(one["tokens"]["ids"]) == len(one["tokens"]["entropy"]) == len(one["tokens"]["kept"])
        assert one["prompt"][0]["role"] == "user"
    assert list((out / "tensorboard").glob("events.*"))
    assert not (out / "lock").exists()
    assert sorted(one.name for one in (out / "checkpoints").iterdir()) == ["step-2"]


def test_the_gguf_adapter_holds_the_peft_adapter(run_file, tmp_path: Path):
    out = train(run_file(), tmp_path / "run") / "checkpoints" / "step-2"
    peft = load_file(out / "adapter_model.safetensors")
    reader = gguf.GGUFReader(out / "adapter.gguf")
    assert reader.fields["general.architecture"].contents() == "qwen3"
    assert reader.fields["adapter.lora.alpha"].contents() == 8
    assert len(reader.tensors) == len(peft) == 6 * 7 * 2
    tensors = {one.name: one.data for one in reader.tensors}
    name = "base_model.model.model.layers.3.self_attn.o_proj.lora_B.weight"
    assert (tensors["blk.3.attn_output.weight.lora_b"] == peft[name].numpy()).all()
    assert peft[name].abs().sum() > 0


def expected_loss(rollouts: list[dict[str, Any]], loss: str, denominator: str) -> float:
    """[80/20] Eq. 6 where the ratio is 1: each token's surrogate is its advantage."""
    kept = [sum(one["tokens"]["kept"]) for one in rollouts]
    lengths = [len(one["tokens"]["kept"]) for one in rollouts]
    share = kept if denominator == "kept" else lengths
    terms = [-one["advantage"] * k for one, k in zip(rollouts, kept, strict=True)]
    if loss == "grpo":
        return sum(term / max(1, n) for term, n in zip(terms, share, strict=True)) / len(rollouts)
    return sum(terms) / max(1, sum(share))


@pytest.mark.parametrize(
    ("sections", "pools"),
    [
        ({}, 1),
        ({"mask": {"denominator": "all", "rule": "quantile"}}, 1),
        ({"mask": {"kind": "bottom"}}, 1),
        ({"mask": {"kind": "random", "rho": 0.5}, "microBatchTokens": 120}, 1),
        ({"mask": {"kind": "all"}}, 1),
        ({"objective": {"loss": "grpo"}, "microBatchTokens": 120}, 1),
        ({"mask": {"rho": 0.3}, "microBatchTokens": 120}, 1),
        ({"mask": {"rho": 0.3, "pool": "micro-batch"}, "microBatchTokens": 240}, 2),
    ],
)
def test_masks_and_losses_are_the_rules(sections: dict[str, Any], pools: int, run_file, tmp_path: Path):
    out = train(run_file(steps=1, **sections), tmp_path / "run")
    (line,) = json_lines(out / "metrics.jsonl")
    rollouts = json_lines(out / "rollouts" / "step-1.jsonl")
    objective = sections.get("objective", {}).get("loss", "dapo")
    mask = {"kind": "top", "rho": 0.2, "rule": "exact", "denominator": "kept", **sections.get("mask", {})}
    assert line["loss"] == pytest.approx(expected_loss(rollouts, objective, mask["denominator"]), rel=1e-4, abs=1e-6)
    entropy = torch.tensor([nats for one in rollouts for nats in one["tokens"]["entropy"]])
    kept = torch.tensor([bit for one in rollouts for bit in one["tokens"]["kept"]]).bool()
    n = len(kept)
    assert line["entropy_mask/kept_fraction"] == pytest.approx(float(kept.float().mean()))
    assert line["entropy"] == pytest.approx(float(entropy.mean()), rel=1e-3)
    k = top_count(n, mask["rho"])
    if mask["kind"] == "all":
        assert kept.all()
    elif pools == 1 and mask["rule"] == "exact":
        assert int(kept.sum()) == (n - k if mask["kind"] == "bottom" else k)
    if mask["kind"] in ("top", "bottom") and pools == 1:
        top = kept if mask["kind"] == "top" else ~kept
        assert entropy[top].min() >= entropy[~top].max()
        if mask["kind"] == "top":
            assert line["entropy_mask/threshold"] == pytest.approx(float(entropy[top].min()), rel=0.5)
    if pools > 1:
        assert k <= int(kept.sum()) <= k + pools


def test_mini_batches_are_updates_of_one_step(run_file, tmp_path: Path):
    out = train(run_file(mask={"rho": 0.3, "pool": "batch"}, miniBatches=2, microBatchTokens=120), tmp_path / "run")
    lines = json_lines(out / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 2]
    state = json.loads((out / "checkpoints" / "step-2" / "trainer_state.json").read_text("utf-8"))
    assert state["global_step"] == 4
    for step in (1, 2):
        kept = [bit for one in json_lines(out / "rollouts" / f"step-{step}.jsonl") for bit in one["tokens"]["kept"]]
        # Each mini-batch takes its own part of a mask of all tokens, under the policy of its moment.
        assert abs(sum(kept) - 0.3 * len(kept)) < 0.2 * len(kept)
    assert lines[0]["step_time/score"] > 0


def test_a_resumed_run_has_the_numbers_of_an_uninterrupted_one(run_file, tmp_path: Path, monkeypatch):
    path = run_file(steps=4, objective={"beta": 0.1, "entropyCoefficient": 0.01}, **MIXED)
    whole = train(path, tmp_path / "whole")
    stopped = tmp_path / "stopped"
    done = session.Session._step_done

    def stop_after_two(self, step):
        done(self, step)
        if step == 1:
            (stopped / "stop").touch()

    monkeypatch.setattr(session.Session, "_step_done", stop_after_two)
    assert start_run(path, stopped, [], trust_rewards=True) == "stopped"
    monkeypatch.undo()
    status = json.loads((stopped / "status.json").read_text("utf-8"))
    assert (status["state"], status["step"]) == ("stopped", 2)
    assert not (stopped / "stop").exists()
    # What a kill leaves behind is put right.
    with (stopped / "metrics.jsonl").open("a") as file:
        file.write('{"step":3,"time":1}\n{"step":4,"ti')
    (stopped / "rollouts" / "step-3.jsonl").write_text("{}\n")
    assert resume_run(stopped, trust_rewards=True) == "done"
    assert numbers(stopped) == numbers(whole)
    assert any("kl" in line for line in numbers(whole))
    for step in (1, 2, 3, 4):
        name = f"rollouts/step-{step}.jsonl"
        assert (stopped / name).read_text() == (whole / name).read_text()
    log = (stopped / "trainer.log").read_text("utf-8")
    assert "resumed after step 2" in log
    assert "removed rollouts/step-3.jsonl" in log


def test_a_finished_run_goes_on_with_more_steps(run_file, tmp_path: Path):
    path = run_file(steps=1)
    out = train(path, tmp_path / "run")
    assert resume_run(out, steps=2, trust_rewards=True) == "done"
    assert json.loads((out / "run.json").read_text("utf-8"))["settings"]["steps"] == 2
    longer = train(path, tmp_path / "longer", ("steps", "2"))
    assert numbers(out) == numbers(longer)
    with pytest.raises(RunError, match="has 2 steps already"):
        resume_run(out, steps=1, trust_rewards=True)
    assert resume_run(out, trust_rewards=True) == "done"
    assert json.loads((out / "status.json").read_text("utf-8"))["step"] == 2


def test_a_hugging_face_folder_trains_as_its_gguf_does(run_file, tmp_path: Path):
    folder = tmp_path / "model"
    load_model(str(POCKET), Device("cpu", False, "")).save_pretrained(folder)
    load_tokenizer(str(POCKET)).save_pretrained(folder)
    from_folder = train(run_file(model=str(folder)), tmp_path / "folder")
    from_gguf = train(run_file(), tmp_path / "gguf")
    assert numbers(from_folder) == numbers(from_gguf)
    assert len(json.loads((from_folder / "run.json").read_text("utf-8"))["model"]["sha256"]) == 64


def test_what_stops_a_run_before_it_begins_says_so(run_file, tmp_path: Path):
    path = run_file()
    with pytest.raises(RunError, match="--trust-rewards"):
        start_run(path, tmp_path / "a", [])
    with pytest.raises(RunError, match="this command is TRL"):
        start_run(run_file(engine="embedded"), tmp_path / "a", [], trust_rewards=True)
    with pytest.raises(RunError, match=r"model: there is no .*nothing\.gguf"):
        start_run(path, tmp_path / "a", [("model", str(tmp_path / "nothing.gguf"))], trust_rewards=True)
    assert not (tmp_path / "a").exists()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").touch()
    with pytest.raises(RunError, match=r"not empty \(mine\.txt\)"):
        start_run(path, tmp_path / "b", [], trust_rewards=True)
    with pytest.raises(RunError, match="512 tokens the model was trained for"):
        start_run(path, tmp_path / "c", [("rollout.maxTokens", "500")], trust_rewards=True)
    assert json.loads((tmp_path / "c" / "status.json").read_text("utf-8"))["state"] == "failed"


def test_changed_data_is_not_resumed(run_file, tmp_path: Path):
    data = tmp_path / "train.jsonl"
    shutil.copy(DATA / "countdown-train.jsonl", data)
    out = train(run_file(steps=1, data={"train": str(data)}), tmp_path / "run")
    data.write_text(data.read_text("utf-8") + "\n", "utf-8")
    with pytest.raises(RunError, match=r"data\.train.* has changed"):
        resume_run(out, steps=2, trust_rewards=True)
