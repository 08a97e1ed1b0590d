"""The bytes of a tensor."""

from __future__ import annotations

import ctypes

from torch import Tensor


def tensor_bytes(tensor: Tensor) -> bytes:
    """The numbers of a tensor in memory order, little-endian; waits for its device."""
    flat = tensor if tensor.is_cpu and tensor.is_contiguous() else tensor.detach().cpu().contiguous()
    return ctypes.string_at(flat.data_ptr(), flat.numel() * flat.element_size()) if flat.numel() else b""
