"""One LoRA update in PyTorch, to hold the kernel's speed against (test/bench/train.bench.ts starts it).

Usage: python torch_update.py '{"vocabulary": .., "layers": .., "hidden": .., "heads": .., "kvHeads": .., "headDimension": ..,
"feedForward": .., "rank": .., "sequences": .., "length": .., "threads": ..}'
Prints "ready", then for each line on stdin runs forward, objective and backward once and prints its milliseconds of
processor time. A Qwen3 with random weights and LoRA on every linear layer, in F32, as lean as PyTorch allows: its own
fused attention and norms, all positions through the output matrix.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

shape = json.loads(sys.argv[1])
torch.set_num_threads(shape["threads"])
torch.manual_seed(1)
B, L, H, KV, D = (shape[k] for k in ("sequences", "length", "heads", "kvHeads", "headDimension"))
hidden, vocabulary, rank = shape["hidden"], shape["vocabulary"], shape["rank"]


class Linear:
    def __init__(self, inputs: int, outputs: int):
        self.weight = 0.02 * torch.randn(outputs, inputs)
        self.a = (0.1 * torch.randn(rank, inputs)).requires_grad_()
        self.b = (0.1 * torch.randn(outputs, rank)).requires_grad_()

    def __call__(self, x):
        return F.linear(x, self.weight) + F.linear(F.linear(x, self.a) * 2.0, self.b)


inner, kv, wide = H * D, KV * D, shape["feedForward"]
layers = [
    {
        "q": Linear(hidden, inner), "k": Linear(hidden, kv), "v": Linear(hidden, kv), "o": Linear(inner, hidden),
        "gate": Linear(hidden, wide), "up": Linear(hidden, wide), "down": Linear(wide, hidden),
    }
    for _ in range(shape["layers"])
]
parameters = [p for layer in layers for linear in layer.values() for p in (linear.a, linear.b)]
embeddings = 0.02 * torch.randn(vocabulary, hidden)
norm, head_norm = torch.ones(hidden), torch.ones(D)
angles = torch.arange(L)[:, None] * 1e6 ** (-torch.arange(0, D, 2) / D)
cos, sin = angles.cos()[None, :, None], angles.sin()[None, :, None]


def rotate(x):
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def forward(ids):
    x = embeddings[ids]
    for layer in layers:
        y = F.rms_norm(x, (hidden,), norm, 1e-6)
        q = rotate(F.rms_norm(layer["q"](y).view(B, L, H, D), (D,), head_norm, 1e-6)).transpose(1, 2)
        k = rotate(F.rms_norm(layer["k"](y).view(B, L, KV, D), (D,), head_norm, 1e-6)).transpose(1, 2)
        v = layer["v"](y).view(B, L, KV, D).transpose(1, 2)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + layer["o"](out.transpose(1, 2).reshape(B, L, inner))
        y = F.rms_norm(x, (hidden,), norm, 1e-6)
        x = x + layer["down"](F.silu(layer["gate"](y)) * layer["up"](y))
    return F.linear(F.rms_norm(x, (hidden,), norm, 1e-6), embeddings)


ids = torch.randint(0, vocabulary, (B, L))
weights = torch.randn(B, L - 1)


def update() -> None:
    logp = torch.log_softmax(forward(ids)[:, :-1], -1)
    own = logp.gather(-1, ids[:, 1:, None])[..., 0]
    with torch.no_grad():
        (logp.exp() * logp).sum(-1)
    (own * weights).sum().backward()
    for parameter in parameters:
        parameter.grad = None


update()
print("ready", flush=True)
for _ in sys.stdin:
    before = time.process_time()
    update()
    print(1000 * (time.process_time() - before), flush=True)
