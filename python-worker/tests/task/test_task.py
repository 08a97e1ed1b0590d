"""What a Task refuses before training, and how."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from absgd_worker import Task, TaskError
from absgd_worker.task.data import batch_maker

MODEL = nn.Linear(2, 3)


def make(**changes):
    model = changes.get("model", MODEL)
    fields: dict[str, Any] = {
        "model": model,
        "optimizer": torch.optim.SGD(MODEL.parameters(), lr=0.1),
        "data": (torch.zeros(10, 2), torch.arange(10) % 3),
        "batch_size": 4,
        "loss": lambda model, batch: model(batch[0]).sum(1),
        **changes,
    }
    return Task(**fields)


def frozen():
    model = nn.Linear(2, 3)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


class Stream:
    def __iter__(self):
        return iter(())


REFUSED = {
    "a function as model": ({"model": lambda x: x}, "model must be a torch.nn.Module, not builtins.function"),
    "a frozen model": ({"model": frozen()}, "model has no parameter that requires a gradient"),
    "no optimizer": ({"optimizer": 0.1}, "optimizer must be a torch.optim.Optimizer, not builtins.float"),
    "another model's optimizer": (
        {"optimizer": torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1)},
        r"holds 2 parameters that are not the model's \(shapes \[\[1, 1\], \[1\]\]…\): make the",
    ),
    "LBFGS": (
        {"optimizer": torch.optim.LBFGS(MODEL.parameters())},
        "LBFGS evaluates the loss several times a step",
    ),
    "a stream": ({"data": Stream()}, "data is Stream, which cannot be indexed by sample"),
    "no data": ({"data": []}, "data has 0 samples"),
    "columns of different lengths": (
        {"data": (torch.zeros(3, 2), torch.zeros(4))},
        r"the tensors of data must agree in their first dimension, the samples, not be \[\[3, 2\], \[4\]\]",
    ),
    "no batch": ({"batch_size": 0}, "batch_size must be a whole number from 1 to 2.31, not 0"),
    "half a batch": ({"batch_size": 2.5}, "batch_size must be a whole number"),
    "no batch left": ({"batch_size": 11, "drop_last": True}, "drop_last leaves no batch"),
    "half a process": ({"num_workers": 0.5}, "num_workers must be a whole number from 0 to 1024, not 0.5"),
    "too many processes": ({"num_workers": 1025}, "num_workers must be a whole number from 0 to 1024"),
    "nothing ahead": (
        {"num_workers": 1, "prefetch_factor": 0},
        "prefetch_factor must be a whole number from 1 to 1024, not 0",
    ),
    "reading ahead without a process": (
        {"prefetch_factor": 2},
        "prefetch_factor is for batches that loading processes read: set num_workers to 1 or more, or leave",
    ),
    "pinned memory without a process": ({"pin_memory": True}, "pin_memory is for batches that loading"),
    "a word for pinned memory": ({"num_workers": 1, "pin_memory": "yes"}, "pin_memory must be True or False"),
    "a loss that is none": (
        {"loss": nn.Linear(1, 1).weight},
        "loss must be a function, not torch.nn.parameter.Parameter",
    ),
    "an evaluation that is none": ({"evaluate": {}}, "evaluate must be a function, not builtins.dict"),
    "too few labels": (
        {"labels": [1, 2]},
        r"labels must have one entry for each of the 10 samples, not shape \[2\]",
    ),
    "fractional labels": ({"labels": torch.zeros(10)}, "labels must be whole numbers, not torch.float32"),
    "negative labels": ({"true_labels": [-1] * 10}, r"true_labels must be from 0 to 2\^32 - 1, not -1 to -1"),
    "too few classes": (
        {"labels": [3] * 10, "num_classes": 3},
        "num_classes must be .* above the largest label, 3, not 3",
    ),
    "one name": ({"ids": "abcdefghij"}, "ids must be a sequence of 10 names"),
    "half a character": (
        {"ids": ["\udcff"] * 10},
        "ids must be Unicode text, and .* is not: decode file names",
    ),
    "numbers as names": ({"ids": list(range(10))}, "ids must be strings, not 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_task_refuses(case):
    changes, message = REFUSED[case]
    with pytest.raises(TaskError, match=message):
        make(**changes)


def test_steps_per_epoch_count_the_last_short_batch_unless_it_is_dropped():
    assert make().steps_per_epoch == 3
    assert make(drop_last=True).steps_per_epoch == 2
    assert make(batch_size=5).steps_per_epoch == 2
    assert make(batch_size=11).steps_per_epoch == 1


def test_the_number_of_classes_follows_from_the_labels():
    assert make(labels=[0, 4] * 5).num_classes == 5
    assert make(labels=[0, 1] * 5, true_labels=[6] * 10).num_classes == 7
    assert make(labels=[0, 1] * 5, num_classes=9).num_classes == 9
    assert make().num_classes == 0


class Squares(torch.utils.data.Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return torch.tensor(float(index)), index * index


def test_a_batch_has_the_structure_of_the_data():
    indices = torch.tensor([3, 0])
    x, y = torch.arange(5.0), torch.arange(5) * 10
    collate = torch.utils.data.default_collate
    assert batch_maker(x, collate)(indices).tolist() == [3.0, 0.0]
    assert [part.tolist() for part in batch_maker((x, y), collate)(indices)] == [[3.0, 0.0], [30, 0]]
    assert {key: part.tolist() for key, part in batch_maker({"x": x}, collate)(indices).items()} == {
        "x": [3.0, 0.0]
    }
    assert [part.tolist() for part in batch_maker(Squares(), collate)(indices)] == [[3.0, 0.0], [9, 0]]
    assert [
        part.tolist() for part in batch_maker(torch.utils.data.TensorDataset(x, y), collate)(indices)
    ] == [[3.0, 0.0], [30, 0]]


def test_a_list_of_tensors_is_a_data_set_of_that_many_samples():
    task = make(data=[torch.zeros(2)] * 7)
    assert task.size == 7
    assert batch_maker(task.data, task.collate)(torch.tensor([1, 2])).shape == (2, 2)
