"""A small language model: loss over all tokens in forward, autocast, GradScaler, micro-batches."""

import contextlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

compiled = "--compile" in sys.argv
dtype = "bfloat16" if "--bfloat16" in sys.argv else "float32"
batch_size, block_size, vocabulary, width, micro_steps = 6, 16, 32, 24, 4


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x):
        q, k, v = [
            part.view(*x.shape[:2], 2, width // 2).transpose(1, 2)
            for part in self.queries_keys_values(self.norm(x)).split(width, dim=2)
        ]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=0.1 if self.training else 0.0)
        return (x := x + y.transpose(1, 2).reshape(x.shape)) + self.mlp(x)


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(block_size, width)
        self.blocks = nn.Sequential(*[Block() for _ in range(1 if compiled else 2)])
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, idx, targets=None):
        x = self.tokens(idx) + self.places(torch.arange(idx.shape[1]))
        logits = self.head(self.blocks(x))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)


def get_batch():
    starts = torch.randint(len(data) - block_size - 1, (batch_size,))
    x = torch.stack([data[i : i + block_size] for i in starts])
    y = torch.stack([data[i + 1 : i + 1 + block_size] for i in starts])
    return x, y


torch.manual_seed(1337)
data = (torch.arange(3000) * torch.arange(3000) // 7) % vocabulary
ctx = contextlib.nullcontext() if dtype == "float32" else torch.autocast("cpu", torch.bfloat16)
model = GPT()
scaler = torch.amp.GradScaler("cpu", enabled=dtype == "bfloat16")
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
if compiled:
    model = torch.compile(model, backend="eager")
x, y = get_batch()
for iteration in range(6):
    if iteration % 3 == 0:
        model.eval()
        with torch.no_grad(), ctx:
            print(f"eval {iteration} {model(*get_batch())[1].item()!r}")
        model.train()
    for _ in range(micro_steps):
        with ctx:
            _, loss = model(x, y)
            loss = loss / micro_steps
        x, y = get_batch()
        scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    print(f"train {iteration} {loss.item()!r}")
print(f"end {sum(p.double().sum().item() for p in model.parameters())!r} {torch.rand(1).item()!r}")
