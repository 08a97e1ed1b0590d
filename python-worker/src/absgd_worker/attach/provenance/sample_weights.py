"""Separates sample weights from factors that are part of the losses.

A script may multiply losses by factors without gradient. If a factor has one value for each sample, it is a
sample weight and stays outside the exponent. If it differs within a sample (a map of pixel weights), it is
part of the loss. Elements that are multiplied by 0 do not count.

Shapes: S as the losses, N elements, G samples.
"""

from __future__ import annotations

import torch
from torch import Tensor


def divide_out_sample_weights(
    plain: Tensor, factors: tuple[Tensor, ...], group_N: Tensor | None, samples: int, valid: Tensor | None
) -> Tensor:
    """The losses `plain`, of shape S, divided by those `factors`, each S, that are sample weights.

    Args:
        group_N: int64, the sample of each element, from 0 to `samples` - 1; None if each element is a sample.
        valid: bool S, false for elements that do not count; None if all do.
    """
    for factor in factors:
        floating = factor if factor.is_floating_point() else factor.to(plain.dtype)
        if _is_sample_weight(floating, group_N, samples, valid):
            plain = torch.where(floating != 0, plain / floating.abs(), torch.zeros_like(plain))
    return plain


def _is_sample_weight(factor: Tensor, group_N: Tensor | None, samples: int, valid: Tensor | None) -> bool:
    """Whether the values that count are equal within each sample, and all have one sign. An advantage, which
    is negative for some samples, is not a weight."""
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
    """The weight of the sums over `dims` of elements that were multiplied by `factor`.

    For each sum: the absolute value of the factor's nonzero entries if they are equal; 1 if they differ,
    since they are then part of the loss; 0 if all entries are 0.

    The logarithm of a one-hot label has one negative value for all other classes, the same for every sample:
    this is a scale of the loss and not a weight.
    """
    magnitude = factor.abs()
    high = magnitude.amax(dims)
    nonzero = magnitude[magnitude != 0]
    has_zeros = nonzero.numel() < magnitude.numel()
    if has_zeros and bool((factor < 0).any()) and bool((nonzero == nonzero[0]).all()):
        return (high != 0).to(high.dtype)
    low = magnitude.masked_fill(magnitude == 0, float("inf")).amin(dims)
    return torch.where((high == low) | (high == 0), high, torch.ones_like(high))
