"""Training data of N samples, and functions that make batches of them.

Shapes: N samples in the training data, B in a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset, default_collate

from absgd_worker.errors import TaskError

DataLike = Union["Dataset[Any]", Sequence[Any], Tensor, Mapping[str, Tensor]]

collate_default: Callable[[list[Any]], Any] = default_collate


def data_size(data: object) -> int:
    """N, from 1 to 2³².

    Raises:
        TaskError: samples of the data cannot be read by index, or N is out of its range.
    """
    tensors = _tensors_of(data)
    if tensors is not None:
        return _common_size(tensors)
    if isinstance(data, Mapping) or not (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
        raise TaskError(
            f"data is {type(data).__name__}, which cannot be indexed by sample: give a dataset with "
            "__len__ and "
            "__getitem__, or a tensor, tuple or mapping of tensors whose first dimension is the samples"
        )
    return _checked_size(len(data))  # type: ignore[arg-type]


def batch_maker(data: Any, collate: Callable[[list[Any]], Any]) -> Callable[[Tensor], Any]:
    """A function that makes a batch of the samples with the given indices, int64 [B] on the CPU."""
    if isinstance(data, TensorDataset):
        data = data.tensors
    if isinstance(data, Tensor):
        return lambda indices_B: _select(data, indices_B)
    if isinstance(data, Mapping):
        return lambda indices_B: {name: _select(tensor, indices_B) for name, tensor in data.items()}
    columns = _tensors_of(data)
    if columns is not None and all(tensor.is_cpu for tensor in columns):
        # This runs at every step: a list comprehension takes half the time of a generator.
        return lambda indices_B: tuple([torch.index_select(tensor, 0, indices_B) for tensor in columns])
    if columns is not None:
        return lambda indices_B: tuple(_select(tensor, indices_B) for tensor in columns)
    return lambda indices_B: collate([data[index] for index in indices_B.tolist()])


def has_columns(data: object) -> bool:
    """Whether the data consists of tensors whose first dimension is the samples, so that all can be read."""
    return _tensors_of(data) is not None


def _select(tensor_N: Tensor, indices_B: Tensor) -> Tensor:
    return torch.index_select(tensor_N, 0, indices_B.to(tensor_N.device, non_blocking=True))


def _tensors_of(data: object) -> list[Tensor] | None:
    if isinstance(data, Tensor):
        return [data]
    if isinstance(data, TensorDataset):
        return list(data.tensors)
    values = list(data.values()) if isinstance(data, Mapping) else data
    if isinstance(values, (tuple, list)) and values and all(isinstance(value, Tensor) for value in values):
        # A list of tensors is a dataset, one tensor a sample; a tuple or a mapping of tensors has columns.
        return None if isinstance(data, list) else list(values)
    return None


def _common_size(tensors: list[Tensor]) -> int:
    shapes = [list(tensor.shape) for tensor in tensors]
    sizes = {shape[0] if shape else -1 for shape in shapes}
    if len(sizes) != 1 or -1 in sizes:
        raise TaskError(
            f"the tensors of data must agree in their first dimension, the samples, not be {shapes}"
        )
    return _checked_size(sizes.pop())


def _checked_size(size: int) -> int:
    if not 1 <= size <= 2**32:
        raise TaskError(f"data has {size} samples: from 1 to 2^32 can be trained on")
    return size
