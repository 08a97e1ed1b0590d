"""The trainings that are measured: a small CNN, ResNet-32 and a GPT, each with one batch on the device.

Shapes: B samples in a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu, scaled_dot_product_attention

CLASSES = 10


class Case(NamedTuple):
    """A model with one batch, which every step trains on: only the time counts."""

    model: nn.Module
    inputs: Tensor
    labels: Tensor
    losses: Callable[[nn.Module, Tensor, Tensor], Tensor]
    """One loss a sample, [B]."""


def cnn(device: torch.device, *, width: int, size: int = 32, batch: int = 128) -> Case:
    """Three convolutions on images of `size` x `size`."""
    model = nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, CLASSES),
    )
    return _image_case(model.to(device), device, size, batch)


def resnet32(
    device: torch.device, *, blocks: int = 5, width: int = 16, size: int = 32, batch: int = 128
) -> Case:
    """The residual network of arXiv 1512.03385 for CIFAR-10: three stages of `blocks` blocks."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    before = width
    for stage in range(3):
        for block in range(blocks):
            after = width << stage
            layers.append(Residual(before, after, stride=2 if stage and not block else 1))
            before = after
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, CLASSES))
    return _image_case(model.to(device), device, size, batch)


class Residual(nn.Module):
    """Two convolutions beside a shortcut without parameters."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(after), nn.BatchNorm2d(after)])
        self.stride = stride
        self.added = after - before

    def forward(self, x: Tensor) -> Tensor:
        inner = relu(self.norms[0](self.first(x)))
        shortcut = nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        return relu(self.norms[1](self.second(inner)) + shortcut)


def gpt(
    device: torch.device,
    *,
    layers: int = 6,
    heads: int = 6,
    width: int = 384,
    length: int = 256,
    vocabulary: int = 65,
    batch: int = 64,
) -> Case:
    """A decoder of 10.7 million parameters, as nanoGPT trains on characters. A sample is a sequence."""
    model = Decoder(layers, heads, width, length, vocabulary).to(device)
    tokens = torch.randint(vocabulary, (batch, length + 1), device=device)

    def losses(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(model(inputs).transpose(1, 2), labels, reduction="none").mean(1)

    return Case(model, tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous(), losses)


class Decoder(nn.Module):
    """Token and position embeddings, blocks of attention and a wide layer, and logits of the next token."""

    def __init__(self, layers: int, heads: int, width: int, length: int, vocabulary: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.Sequential(*(DecoderBlock(heads, width) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.tokens(tokens) + self.positions)))


class DecoderBlock(nn.Module):
    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.wide = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        parts = self.qkv(self.norms[0](x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.wide(self.norms[1](x))


def _image_case(model: nn.Module, device: torch.device, size: int, batch: int) -> Case:
    images = torch.randn(batch, 3, size, size, device=device)
    labels = torch.randint(CLASSES, (batch,), device=device)
    return Case(
        model,
        images,
        labels,
        lambda model, inputs, labels: cross_entropy(model(inputs), labels, reduction="none"),
    )
