"""The pocket model as a GGUF file: written from a checkpoint, and read back into PyTorch."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from qwen3 import Qwen3, Shape
from tokenizer import CHAT_TEMPLATE, CONTROL_TOKENS, QWEN2_SPLIT, THINK_TOKENS, load_or_train, vocabulary_in_order

ARCHITECTURE = "qwen3"
_OUTER_NAMES = {"embed.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
_BLOCK_NAMES = {
    "input_norm": "attn_norm",
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "q_norm": "attn_q_norm",
    "k_norm": "attn_k_norm",
    "o_proj": "attn_output",
    "mlp_norm": "ffn_norm",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}


def gguf_name(name: str) -> str:
    """The GGUF tensor of a parameter: `blocks.3.q_proj.weight` is `blk.3.attn_q.weight`."""
    if name in _OUTER_NAMES:
        return _OUTER_NAMES[name]
    _, index, part, _ = name.split(".")
    return f"blk.{index}.{_BLOCK_NAMES[part]}.weight"


def write_gguf(path: Path, model: Qwen3, tokenizer: Tokenizer) -> None:
    """Write the model in F32 with its tokenizer and chat template; `path` is replaced in one move."""
    shape = model.shape
    unfinished = path.with_suffix(".part")
    writer = gguf.GGUFWriter(unfinished, ARCHITECTURE)
    writer.add_name("Forksight Pocket")
    writer.add_description("Searches Countdown in words. For trying Forksight and for its tests.")
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.rms_epsilon)
    writer.add_vocab_size(shape.vocabulary)

    tokens, merges = vocabulary_in_order(tokenizer)
    kinds = {token: gguf.TokenType.CONTROL for token in CONTROL_TOKENS}
    # User-defined, as in Qwen3: one token wherever the text stands, and shown to the reader.
    kinds |= {token: gguf.TokenType.USER_DEFINED for token in THINK_TOKENS}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([kinds.get(token, gguf.TokenType.NORMAL) for token in tokens])
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)

    for name, parameter in model.state_dict().items():
        writer.add_tensor(gguf_name(name), parameter.detach().cpu().float().contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(unfinished, path)


def read_gguf(path: Path) -> tuple[Qwen3, Tokenizer]:
    """The model and the tokenizer of a GGUF written by `write_gguf`, from that file alone."""
    reader = gguf.GGUFReader(path)

    def field(key: str):
        return reader.fields[key].contents()

    tensors = {tensor.name: tensor for tensor in reader.tensors}
    shape = Shape(
        vocabulary=len(field("tokenizer.ggml.tokens")),
        hidden=field("qwen3.embedding_length"),
        feed_forward=field("qwen3.feed_forward_length"),
        layers=field("qwen3.block_count"),
        heads=field("qwen3.attention.head_count"),
        kv_heads=field("qwen3.attention.head_count_kv"),
        head_dim=field("qwen3.attention.key_length"),
        context=field("qwen3.context_length"),
        rope_theta=field("qwen3.rope.freq_base"),
        rms_epsilon=field("qwen3.attention.layer_norm_rms_epsilon"),
    )
    model = Qwen3(shape)
    state = {name: torch.from_numpy(np.array(tensors[gguf_name(name)].data)) for name in model.state_dict()}
    model.load_state_dict(state)
    tokenizer = _tokenizer_of(
        field("tokenizer.ggml.tokens"), field("tokenizer.ggml.merges"), field("tokenizer.ggml.token_type")
    )
    return model.eval(), tokenizer


def _tokenizer_of(tokens: list[str], merges: list[str], kinds: list[int]) -> Tokenizer:
    normal = {t: i for i, t in enumerate(tokens) if kinds[i] == gguf.TokenType.NORMAL}
    tokenizer = Tokenizer(models.BPE(vocab=normal, merges=[tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    for index in range(len(normal), len(tokens)):
        special = kinds[index] == gguf.TokenType.CONTROL
        tokenizer.add_tokens([AddedToken(tokens[index], special=special, normalized=False)])
    assert [tokenizer.id_to_token(i) for i in range(len(tokens))] == tokens
    return tokenizer


def transformers_name(name: str) -> str:
    """The parameter's name in transformers' `Qwen3ForCausalLM`."""
    if name in ("embed.weight", "norm.weight"):
        return f"model.{name}".replace("embed.", "embed_tokens.")
    moved = re.sub(r"^blocks\.", "model.layers.", name)
    moved = moved.replace("mlp_norm", "post_attention_layernorm").replace("input_norm", "input_layernorm")
    moved = re.sub(r"\.([qkvo]_(?:proj|norm))\.", r".self_attn.\1.", moved)
    return re.sub(r"\.((?:gate|up|down)_proj)\.", r".mlp.\1.", moved)


def export(build: Path, path: Path) -> None:
    """Write the last checkpoint of `build` as a GGUF."""
    held = torch.load(build / "checkpoint.pt", map_location="cpu", weights_only=True)
    model = Qwen3(Shape(**held["shape"]))
    model.load_state_dict(held["model"])
    write_gguf(path, model, load_or_train(build / "tokenizer.json"))
    print(f"{path.name}: {path.stat().st_size:,} bytes after {held['tokens_seen']:,} tokens")


def main() -> None:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=here / "build")
    parser.add_argument("--gguf", type=Path, default=here.parent / "pocket.gguf")
    arguments = parser.parse_args()
    export(arguments.build, arguments.gguf)


if __name__ == "__main__":
    main()
