"""The adapter as a GGUF: the names and the order of rows that llama.cpp expects."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
import torch
from conftest import REPOSITORY
from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

from forksight_trl.adapter_gguf import NotConvertible, write_adapter_gguf

PARTS = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip


def config(kind: str) -> SimpleNamespace:
    return SimpleNamespace(model_type=kind, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)


def peft_matrices(tensors: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    made = {}
    for name, value in tensors.items():
        _, layer, part, _, side = name.split(".")
        made[f"base_model.model.model.layers.{layer}.{PARTS[part]}.lora_{side[-1].upper()}.weight"] = torch.tensor(
            value
        )
    return made


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    reader = gguf.GGUFReader(path)
    return {one.name: one.data for one in reader.tensors}, {
        name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")
    }


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_the_file_is_the_one_that_the_embedded_trainer_writes(kind: str, tmp_path: Path):
    tensors, fields = read(REPOSITORY / "test" / "fixtures" / "train" / f"{kind}-adapter.gguf")
    write_adapter_gguf(peft_matrices(tensors), config(kind), 8.0, tmp_path / "adapter.gguf")
    written, described = read(tmp_path / "adapter.gguf")
    assert described == fields
    assert written.keys() == tensors.keys()
    for name, value in tensors.items():
        assert (written[name] == value).all(), name


def test_rows_of_llamas_queries_and_keys_are_paired_as_llama_cpp_pairs_them(tmp_path: Path):
    tensors, fields = read(REPOSITORY / "test" / "fixtures" / "train" / "llama-adapter.gguf")
    write_adapter_gguf(peft_matrices(tensors), config("llama"), 8.0, tmp_path / "adapter.gguf")
    written, described = read(tmp_path / "adapter.gguf")
    assert described == fields
    # transformers undoes the same order where it reads a GGUF.
    undo = LlamaTensorProcessor()._reverse_permute_weights
    heads = {"attn_q": 4, "attn_k": 2}
    for name, value in tensors.items():
        part = name.split(".")[2]
        moved = part in heads and name.endswith("lora_b")
        expected = undo(written[name], heads[part], heads[part]) if moved else written[name]
        assert (expected == value).all(), name
        assert moved != (written[name] == value).all(), name


def test_what_llama_cpp_has_no_name_for_is_refused(tmp_path: Path):
    matrix = torch.zeros(2, 2)
    with pytest.raises(NotConvertible, match="no architecture my_model"):
        write_adapter_gguf({}, config("my_model"), 8.0, tmp_path / "a.gguf")
    with pytest.raises(NotConvertible, match="no name for"):
        write_adapter_gguf({"base_model.model.other.lora_A.weight": matrix}, config("qwen3"), 8.0, tmp_path / "b.gguf")
    with pytest.raises(NotConvertible, match="no LoRA matrix"):
        write_adapter_gguf({"base_model.model.lm_head.weight": matrix}, config("qwen3"), 8.0, tmp_path / "c.gguf")
