"""The base model and its tokenizer: a Hugging Face folder or id, or a GGUF read through transformers."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import RunError
from .run_file import HUB_ID
from .settings import Settings

if TYPE_CHECKING:
    import torch

# Seconds within which Hugging Face has to answer.
_ANSWER = 10.0
_MODEL_FILES = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]

# Texts that end a turn in the chat templates of common models, as native/trainer/llamaPolicy.ts has them.
TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>")


@dataclass(frozen=True)
class Device:
    """Where the model runs and in which precision."""

    kind: str
    bf16: bool
    remark: str


def choose_device(settings: Settings, processes: int) -> Device:
    """Of `gpu` and `trl.precision`. Raises RunError where what is asked for is not there."""
    import torch

    # Apple's GPU knows no processes beside each other.
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available() and processes == 1
    wanted = settings.gpu
    if wanted == "vulkan":
        raise RunError("gpu: vulkan is llama.cpp's; PyTorch has cuda, metal or off. Set gpu: auto.")
    if (wanted == "cuda" and not cuda) or (wanted == "metal" and not mps):
        raise RunError(
            f"gpu: {wanted} was asked for, but PyTorch {torch.__version__} finds none. Set gpu: auto or off."
        )
    kind = "cpu" if wanted == "off" else "cuda" if cuda and wanted != "metal" else "mps" if mps else "cpu"
    if kind == "cuda" and processes > torch.cuda.device_count():
        raise RunError(
            f"trl.processes is {processes}, but there are {torch.cuda.device_count()} GPUs. Lower it, or set gpu: off."
        )
    precision = settings.trl.precision
    able = kind == "cuda" and torch.cuda.is_bf16_supported()
    bf16 = precision == "bfloat16" or (precision == "auto" and able)
    if bf16 and kind == "cuda" and not able:
        raise RunError("trl.precision: bfloat16 was asked for, but this GPU has none. Set it to auto or float32.")
    return Device(kind, bf16, f"on {kind}, {'bfloat16' if bf16 else 'float32'}")


def prepare_environment(model: str) -> None:
    """Nothing is fetched unless the run file names a model by its Hugging Face id; nothing is reported in any case.

    Sets what the libraries read when they are imported, so it comes before the first import of torch.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Progress is in status.json.
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    # PyTorch's threads else spin while they wait for each other: beside other work on the same cores, small models then
    # take tens of times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not is_hub_id(model):
        os.environ["HF_HUB_OFFLINE"] = "1"


def is_hub_id(model: str) -> bool:
    """Whether the setting `model` is an id and no path."""
    return not os.path.isabs(model) and HUB_ID.fullmatch(model) is not None


def resolve_model(model: str) -> str:
    """An absolute path; a Hugging Face id is fetched first, or what was fetched before serves where nothing answers.

    Raises RunError where neither can be had.
    """
    if not is_hub_id(model):
        if not Path(model).exists():
            raise RunError(f"model: there is no {model}. Paths are relative to the run file.")
        return model
    from huggingface_hub import HfApi, snapshot_download

    problem = None
    try:
        # snapshot_download asks the same without a limit of time, and waits for ever where nothing answers.
        HfApi().model_info(model, timeout=_ANSWER)
    except Exception as error:
        problem = error
    else:
        print(f"fetching {model} from Hugging Face, where it is not here yet", file=sys.stderr, flush=True)
    try:
        return str(snapshot_download(model, allow_patterns=_MODEL_FILES, local_files_only=problem is not None))
    except Exception as error:
        reason = " ".join(str(problem or error).split())
        raise RunError(
            f"model: {model} is no file here, and cannot be fetched from Hugging Face: {reason}. "
            "Check the name and the network, or name a folder of this machine that holds the model."
        ) from error


def load_tokenizer(path: str) -> Any:
    """A tokenizer that pads on the left, with an end and a padding token."""
    from transformers import AutoTokenizer

    folder, extra = _source(path)
    tokenizer = AutoTokenizer.from_pretrained(folder, **extra)
    tokenizer.padding_side = "left"
    if tokenizer.eos_token is None:
        raise RunError(f"model: the tokenizer of {path} names no end token, so that no completion would end.")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(path: str, device: Device) -> Any:
    """The frozen base model; a GGUF's weights are dequantised."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    dtype: torch.dtype = torch.bfloat16 if device.bf16 else torch.float32
    folder, extra = _source(path)
    if not extra:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    try:
        config = AutoConfig.from_pretrained(folder, **extra)
        head = _head_size(path)
        if head is not None:
            # transformers does not read it for every architecture, and falls back on its own default.
            config.head_dim = head
        model = AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=dtype, **extra)
    except (ValueError, KeyError, RuntimeError) as error:
        raise RunError(
            f"model: transformers cannot read {path}: {error}. Name a Hugging Face folder, or use the engine embedded."
        ) from error
    # The weights are plain floats by now; a Trainer refuses to train what calls itself quantised.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    for name in ("hf_quantizer", "quantization_method"):
        if hasattr(model, name):
            setattr(model, name, None)
    model.is_quantized = False
    model.config._name_or_path = path
    model.name_or_path = path
    return model


def turn_ends(tokenizer: Any) -> list[int]:
    """Ids at which a completion ends: the tokenizer's own end, and the ends of turns that it knows as one token."""
    ids = [tokenizer.eos_token_id]
    known = tokenizer.get_vocab()
    ids += [known[text] for text in TURN_ENDS if text in known and known[text] not in ids]
    return ids


def _source(path: str) -> tuple[str, dict[str, str]]:
    at = Path(path)
    if at.is_file():
        return str(at.parent), {"gguf_file": at.name}
    return path, {}


def _head_size(path: str) -> int | None:
    import gguf

    reader = gguf.GGUFReader(path)
    architecture = reader.fields["general.architecture"].contents()
    field = reader.fields.get(f"{architecture}.attention.key_length")
    return int(field.contents()) if field is not None else None
