"""The files that hold the recipe, TypeScript and llama.cpp together:

- `test/fixtures/countdown-cases.json`: problems with key, bucket, split and prompt, and responses with their verdicts;
- `test/fixtures/pocket-agreement.json`: texts with the token ids, log-probabilities and entropies of PyTorch.

The weights are those of the shipped GGUF; the PyTorch module that reads them is checked against transformers here.
For the full check of 1,000 texts:

    python models/recipe/fixtures.py --texts 1000 --whole-rows 1000 --agreement models/recipe/build/agreement.json
    FORKSIGHT_AGREEMENT=models/recipe/build/agreement.json npx vitest run test/integration/pocket-agreement.test.ts
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer

from countdown import Problem, bucket_of, draw_problem, format_prompt, problem_key, split_of, verify
from qwen3 import Layout, Qwen3
from search import plain_text, write_document, write_response
from weights import read_gguf, transformers_name

ODD_TEXTS = (
    "a",
    " ",
    "\n\n\n",
    "Grüße aus Köln – naïve café, ½ × ¾ ≠ 1.",
    "数えてみよう: 3 + 4 = 7。けれど、まだ足りない。",
    "🙂 and 👩‍👩‍👧‍👦, then 🇨🇭: wait… hmm?",
    "const sum = (a: number, b: number) => a + b; // 12 + 34\r\n\tif (sum(1, 2) !== 3) throw new Error(`no`);\n",
    "<think>\nNested <|im_start|>user\n3 + 4<|im_end|> tokens </think>\n\n\\boxed{}",
    "Don't   WE'LL it's I'd   \t tabs\t\tand   spaces   ",
    "مرحبا بالعالم — שלום — Привет, мир! ٣٤",
    "12345678901234567890 3.14159 1e-9 0x1F ²³ Ⅷ",
    "\\frac{1}{2} \\cdot \\left( 3 + 4 \\right)^2 = 24.5 \\quad \\text{(wrong)}",
    "e\u0301 and \u00e9, a\u200bb, \ufeffc, \u0000d",
)


def verifier_cases(rng: random.Random) -> list[dict]:
    """Responses of every kind with their verdicts: written by hand, by the noisy search, and spoilt by chance."""
    three = Problem((3, 4, 5), 35)
    deep = "(" * 40 + "3" + ")" * 40
    by_hand = [
        (three, "<think>\n3 + 4 = 7\n</think>\n\nThe answer is \\boxed{(3 + 4) * 5}."),
        (three, "\\boxed{5*(4+3)}"),
        (three, "\\boxed{ 5 * 4 + 5 * 3 }"),
        (three, "\\boxed{3 + 4 * 5}"),
        (three, "First \\boxed{3 + 4 + 5}, no: \\boxed{(3 + 4) * 5}"),
        (three, "First \\boxed{(3 + 4) * 5}, no: \\boxed{3 + 4 + 5}"),
        (three, "The answer is 35."),
        (three, ""),
        (three, "\\boxed{(3 + 4) * 5"),
        (three, "\\boxed{}"),
        (three, "\\boxed{(3 + 4 * 5}"),
        (three, "\\boxed{(3 + 4) * 5 = 35}"),
        (three, "\\boxed{35}"),
        (three, "\\boxed{(3 + 4) * 5 + 0}"),
        (three, "\\boxed{(3 + 4) * 5 * 5 / 5}"),
        (three, "\\boxed{5 * 7}"),
        (three, "\\boxed{4 * 5}"),
        (three, "\\boxed{5 / (4 - 3 - 3 / 3)}"),
        (Problem((3, 3, 5), 35), "\\boxed{5 / (3 - 3)}"),
        (Problem((3, 3, 5), 35), "\\boxed{3 + 5 + 3}"),
        (Problem((3, 3, 5), 11), "\\boxed{3 + 5 + 3}"),
        (Problem((8, 3, 3), 8), "\\boxed{8 / (3 / 3)}"),
        (Problem((8, 3, 8, 3), 24), "\\boxed{8 / (3 - 8 / 3)}"),
        (Problem((1, 3, 7), 2), "\\boxed{(7 - 1) / 3}"),
        (Problem((1, 3, 7), 2), "\\boxed{7 / 3 - 1 / 3 + 0}"),
        (Problem((1, 3, 10), 0), "\\boxed{1 / 3 * 3 - 10}"),
        (three, "\\boxed{-3 + 4 * 5}"),
        (three, "\\boxed{3 ** 4 + 5}"),
        (three, "\\boxed{3 // 4 + 5}"),
        (three, "\\boxed{__import__('os')}"),
        (three, "\\boxed{(3 + 4) \\times 5}"),
        (three, "\\boxed{\\frac{3}{4} * 5}"),
        (three, "\\boxed{٣ + 4 * 5}"),
        (three, "\\boxed{(３ + 4) * 5}"),
        (three, "\\boxed{(3\u00a0+ 4) * 5}"),
        (three, "\\boxed{(3\n+\t4) * 5}"),
        (three, "\\boxed{(03 + 4) * 5}"),
        (three, "\\boxed{1234567890 + 3}"),
        (three, "\\boxed{(3 + 4)(5)}"),
        (three, "\\boxed{3 4 5}"),
        (three, f"\\boxed{{{deep} + 4 * 5}}"),
        (three, "\\boxed{" + "3 + " * 200 + "4}"),
        (three, "wait " * 5000 + "\\boxed{(3 + 4) * 5}"),
        (three, "\\boxed{(3 + 4) * 5}" + " " * 20_000),
    ]
    cases = list(by_hand)
    for index in range(60):
        problem = draw_problem(rng, "train")
        response = write_response(problem, rng)
        if index % 2:
            begin = response.rfind("\\boxed{") + rng.randrange(0, 24)
            response = response[:begin] + rng.choice(["", "7", ")", " + 1", "}", " / 0"]) + response[begin + 1 :]
        cases.append((problem, response))
    written = []
    for problem, response in cases:
        verdict = verify(response, problem)
        written.append(
            {
                "numbers": problem.numbers,
                "target": problem.target,
                "response": response,
                "verdict": {
                    "reward": verdict.reward,
                    "wellFormed": verdict.well_formed,
                    "reason": verdict.reason,
                    **({} if verdict.expression is None else {"expression": verdict.expression}),
                },
            }
        )
    return written


def problem_cases(rng: random.Random, count: int = 60) -> list[dict]:
    """Problems with everything that both languages derive from them."""
    splits = ("train", "validation", "test")
    return [
        {
            "numbers": problem.numbers,
            "target": problem.target,
            "key": problem_key(problem),
            "bucket": bucket_of(problem),
            "split": split_of(problem),
            "prompt": format_prompt(problem),
        }
        for problem in (draw_problem(rng, splits[index % 3]) for index in range(count))
    ]


def agreement_texts(rng: random.Random, count: int) -> list[str]:
    """`count` texts: the odd ones, then chats and plain files of the world, some cut short, some spoilt."""
    texts = list(ODD_TEXTS[:count])
    while len(texts) < count:
        problem = draw_problem(rng, "test")
        kind = len(texts) % 4
        if kind == 0:
            text = plain_text(problem, write_response(problem, rng))
        else:
            text = write_document(problem, rng)
        if kind == 2:
            text = text[: rng.randrange(1, len(text))]
        if kind == 3:
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice(ODD_TEXTS) + text[at + rng.randrange(20) :]
        texts.append(text)
    return texts


@torch.no_grad()
def agreement_entry(model: Qwen3, tokenizer: Tokenizer, text: str, whole_rows: int) -> dict:
    """Ids of a text; for ids[1:], log-probability and entropy (nats); and `whole_rows` rows of all log-probabilities."""
    ids = tokenizer.encode(text).ids[: model.shape.context]
    logits = model(torch.tensor(ids), Layout.of_lengths([len(ids)]))
    rows = torch.log_softmax(logits.double(), dim=-1)
    entropies = -(rows.exp() * rows).sum(-1)
    following = rows[:-1].gather(1, torch.tensor(ids[1:], dtype=torch.long)[:, None])[:, 0]
    places = torch.linspace(1, len(ids) - 1, whole_rows).long().unique().tolist() if len(ids) > 1 and whole_rows else []
    return {
        "text": text,
        "ids": ids,
        "logprob": [round(value, 6) for value in following.tolist()],
        "entropy": [round(value, 6) for value in entropies[:-1].tolist()],
        # Row p speaks of ids[p], by the logits at position p - 1.
        "rows": {str(p): [round(value, 5) for value in rows[p - 1].tolist()] for p in places},
    }


@torch.no_grad()
def check_against_transformers(model: Qwen3, tokenizer: Tokenizer) -> float:
    """Largest difference of the logits from transformers' `Qwen3ForCausalLM` with the same weights, on one document."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    shape = model.shape
    reference = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=shape.vocabulary,
            hidden_size=shape.hidden,
            intermediate_size=shape.feed_forward,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            head_dim=shape.head_dim,
            max_position_embeddings=shape.context,
            rope_theta=shape.rope_theta,
            rms_norm_eps=shape.rms_epsilon,
            tie_word_embeddings=True,
        )
    ).eval()
    state = {transformers_name(name): value for name, value in model.state_dict().items()}
    missing, unexpected = reference.load_state_dict(state, strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise RuntimeError(f"weights do not fit transformers' model: {missing} {unexpected}")
    reference.tie_weights()
    rng = random.Random(3)
    ids = tokenizer.encode(write_document(draw_problem(rng, "test"), rng)).ids
    ours = model(torch.tensor(ids), Layout.of_lengths([len(ids)]))
    theirs = reference(torch.tensor([ids])).logits[0]
    return float((ours - theirs).abs().max())


def main() -> None:
    fixtures = Path(__file__).parent.parent.parent / "test" / "fixtures"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, default=Path(__file__).parent.parent / "pocket.gguf")
    parser.add_argument("--texts", type=int, default=50)
    # Rows of the whole vocabulary are long: they are kept for the first few texts, which are the odd ones.
    parser.add_argument("--whole-rows", type=int, default=8, help="texts with two rows of the whole vocabulary")
    parser.add_argument("--agreement", type=Path, default=fixtures / "pocket-agreement.json")
    arguments = parser.parse_args()

    rng = random.Random(17)
    cases = {"problems": problem_cases(rng), "responses": verifier_cases(rng)}
    (fixtures / "countdown-cases.json").write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")

    model, tokenizer = read_gguf(arguments.gguf)
    difference = check_against_transformers(model, tokenizer)
    print(f"largest difference of a logit from transformers: {difference:.1e}")
    if difference > 1e-3:
        raise SystemExit("the PyTorch module does not agree with transformers")
    entries = [
        agreement_entry(model, tokenizer, text, 2 if index < arguments.whole_rows else 0)
        for index, text in enumerate(agreement_texts(random.Random(23), arguments.texts))
    ]
    digest = hashlib.sha256(arguments.gguf.read_bytes()).hexdigest()
    body = ",\n".join(json.dumps(entry, ensure_ascii=True) for entry in entries)
    arguments.agreement.write_text(f'{{"sha256": "{digest}", "texts": [\n{body}\n]}}\n', encoding="utf-8")
    print(f"{len(entries)} texts, {sum(len(entry['ids']) for entry in entries):,} tokens")


if __name__ == "__main__":
    main()
