"""A served task whose loss gives no losses for some batches."""

import random

import pytest
import torch
from torch import nn
from torch.utils.data import default_collate

from absgd_worker.task.batches import LeftOutNotes
from absgd_worker.weights import Normaliser
from in_one_thread import train_rows
from numbered_task import ROW, Numbers, bits, drawn_of, served_of, task_of


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("lam", [float("inf"), -0.5, 2.0])
def test_a_loss_that_gives_no_losses_is_the_step_of_plain_torch_and_moves_no_estimate(lam, seed):
    draw = random.Random(seed)
    without = set(draw.sample(range(1, 9), 4))

    def losses_of(model, batch, step):
        losses = nn.functional.cross_entropy(model(batch[0] / 40), batch[1], reduction="none")
        return losses[:0] if step in without else losses

    steps = iter(range(9))
    data = Numbers(40)
    served = served_of(task_of(data, loss=lambda model, batch: losses_of(model, batch, next(steps))))
    model = task_of(data).model
    optimizer = torch.optim.SGD(model.parameters(), lr=ROW["lr"], momentum=0.9)
    normaliser = Normaliser()
    for step in range(9):
        [entry] = train_rows(served, [{**ROW, "lambda": lam}])
        batch = default_collate([data[index] for index in drawn_of(entry, 40, 4)])
        losses = losses_of(model, batch, step)
        optimizer.zero_grad()
        if len(losses):
            weights, _ = normaliser.weigh(losses.detach(), lam=lam, gamma=ROW["gamma"])
            (weights * losses).sum().backward()
        else:
            losses.sum().backward()
            assert (entry.statistics, entry.indices_B) == (None, None)
        optimizer.step()
        assert all(map(torch.equal, bits(served), model.parameters()))
    assert str(served.trainer._normaliser.state_dict()) == str(normaliser.state_dict())
    assert LeftOutNotes(served.trainer.batches).take() == []
