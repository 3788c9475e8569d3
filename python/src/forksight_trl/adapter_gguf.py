"""A PEFT LoRA adapter as a GGUF that stock llama.cpp loads, so that the annotator can look through it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Hugging Face's model types whose GGUF architecture has another name.
_RENAMED = {"mistral": "llama", "qwen3_moe": "qwen3moe", "qwen2_moe": "qwen2moe", "gemma3_text": "gemma3"}
_MATRIX = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight")


class NotConvertible(Exception):
    """llama.cpp has no such adapter; the message says why."""


def write_adapter_gguf(matrices: Mapping[str, Any], config: Any, alpha: float, path: Path) -> None:
    """Writes the LoRA matrices (tensors by PEFT's names) of a model with the transformers `config`.

    Raises NotConvertible where the architecture or a tensor has no name in GGUF.
    """
    import gguf
    import numpy as np

    architecture = _RENAMED.get(config.model_type, config.model_type).replace("_", "")
    known = {name: arch for arch, name in gguf.MODEL_ARCH_NAMES.items()}
    if architecture not in known:
        raise NotConvertible(f"GGUF knows no architecture {config.model_type}")
    names = gguf.get_tensor_name_map(known[architecture], config.num_hidden_layers)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, tensor in sorted(matrices.items()):
        match = _MATRIX.fullmatch(name)
        if match is None:
            raise NotConvertible(f"{name} is no LoRA matrix of a projection")
        module, side = match.groups()
        base = names.get_name(module)
        if base is None:
            raise NotConvertible(f"GGUF has no name for {module}")
        values = tensor.detach().float().cpu().numpy()
        if side == "B" and architecture == "llama":
            values = _rotary_order(values, module, config)
        writer.add_tensor(f"{base}.weight.lora_{side.lower()}", np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _rotary_order(values: Any, module: str, config: Any) -> Any:
    """llama.cpp's architecture `llama` pairs the halves of a head for rotation as neighbours: rows of q and k move."""
    if module.endswith("q_proj"):
        heads = config.num_attention_heads
    elif module.endswith("k_proj"):
        heads = config.num_key_value_heads
    else:
        return values
    rows, columns = values.shape
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
