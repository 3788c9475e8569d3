"""The byte-level BPE tokenizer: 256 bytes, merges learnt from the training text, and five added tokens.

It splits text by Qwen2's pattern, so llama.cpp reads the same tokens with `tokenizer.ggml.pre = "qwen2"`. It has no
Unicode normalisation, because llama.cpp applies none. As in Qwen3, <think> and </think> are single tokens but not
control tokens: a reader sees them.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from countdown import draw_problem
from search import write_document

VOCABULARY = 640
CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
THINK_TOKENS = ("<think>", "</think>")
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Some ordinary English beside the world's text, so that merges left over are of use to other files.
GENERAL_TEXT = (
    "The model thinks step by step about the problem and then writes the final answer. However, unless we know what "
    "the question means, we cannot assume that this is true; thus we define and check each case, since because and "
    "also given that there are other ways. Let us consider, compute, verify, and conclude. function return const let "
    "if else for while import from class value number string true false null index length "
)


def train_tokenizer(documents: int = 4000, seed: int = 7) -> Tokenizer:
    """Learn the merges from `documents` training documents. The same seed gives the same tokenizer."""
    rng = random.Random(seed)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(CONTROL_TOKENS) - len(THINK_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[],
        show_progress=False,
    )
    texts = [write_document(draw_problem(rng, "train"), rng) for _ in range(documents)]
    # No merge may reach across an added token, so the merges are learnt from the pieces between them.
    added = re.compile("|".join(re.escape(token) for token in CONTROL_TOKENS + THINK_TOKENS))
    pieces = (piece for text in texts for piece in added.split(text) if piece)
    tokenizer.train_from_iterator(itertools.chain([GENERAL_TEXT] * 20, pieces), trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in CONTROL_TOKENS])
    tokenizer.add_tokens([AddedToken(token, special=False) for token in THINK_TOKENS])
    if tokenizer.get_vocab_size() != VOCABULARY:
        raise RuntimeError(f"the text gave {tokenizer.get_vocab_size()} tokens instead of {VOCABULARY}")
    return tokenizer


def load_or_train(path: Path) -> Tokenizer:
    """The tokenizer kept at `path`, trained and written there first if it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        train_tokenizer().save(str(path))
    return Tokenizer.from_file(str(path))


def vocabulary_in_order(tokenizer: Tokenizer) -> tuple[list[str], list[str]]:
    """Tokens in order of id, and the merges as `left right`: what a GGUF stores."""
    model = json.loads(tokenizer.to_str())["model"]
    by_id = sorted(tokenizer.get_vocab(with_added_tokens=True).items(), key=lambda item: item[1])
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    return [token for token, _ in by_id], merges
