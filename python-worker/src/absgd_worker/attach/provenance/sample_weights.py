"""Tells the weights of samples from what is part of their losses.

A script multiplies losses by numbers without gradient. One number for each sample is the sample's own weight:
it stays outside of the exponent. Numbers that differ within a sample (a map of pixel weights) are part of its
loss. Whatever they multiply by 0 does not count.

Shapes: S as the losses, N elements of them in all, G samples.
"""

from __future__ import annotations

import torch
from torch import Tensor


def without_weights(
    plain: Tensor, factors: tuple[Tensor, ...], group_N: Tensor | None, samples: int, valid: Tensor | None
) -> Tensor:
    """The losses `plain`, S, divided by those of `factors`, each S, that are weights of samples.

    `group_N`: int64, the sample of each element, from 0 to `samples` - 1; None where each is its own.
    `valid`: S, bool: false for elements that do not count; None where all do.
    """
    for factor in factors:
        wide = factor if factor.is_floating_point() else factor.to(plain.dtype)
        if _is_of_samples(wide, group_N, samples, valid):
            plain = torch.where(wide != 0, plain / wide.abs(), torch.zeros_like(plain))
    return plain


def _is_of_samples(factor: Tensor, group_N: Tensor | None, samples: int, valid: Tensor | None) -> bool:
    """Whether all numbers that count are the same within each sample, and all of one sign: an advantage,
    which is negative for some samples, is no weight."""
    has_negative, has_positive = bool((factor < 0).any()), bool((factor > 0).any())
    if has_negative and has_positive:
        return False
    if group_N is None:
        return True
    size_N = factor.reshape(-1).abs()
    counts_N = size_N != 0 if valid is None else (size_N != 0) & valid.reshape(-1)
    group_M, size_M = group_N[counts_N], size_N[counts_N]
    high_G = size_N.new_zeros(samples).scatter_reduce(0, group_M, size_M, "amax")
    return bool((high_G[group_M] == size_M).all())


def sample_weight_of_rows(factor: Tensor, dims: tuple[int, ...]) -> Tensor:
    """What a factor of elements is for what is left of them when `dims` are added up: its number where it has
    one alone beside 0; 1 where it has several, which are part of the loss; 0 where it is 0 throughout.

    The logarithm of a one-hot label is 0 for its class and one negative number for all others, in every
    sample: that number is a scale of the loss, and no weight.
    """
    size = factor.abs()
    high = size.amax(dims)
    sizes = size[size != 0]
    is_scale = sizes.numel() < size.numel() and bool((factor < 0).any()) and bool((sizes == sizes[0]).all())
    if is_scale:
        return (high != 0).to(high.dtype)
    low = size.masked_fill(size == 0, float("inf")).amin(dims)
    return torch.where((high == low) | (high == 0), high, torch.ones_like(high))
