"""Ways in which people train one model after another, or several that belong together."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from absgd_worker.attach import api
from recorder import labels, points


class Laboratory:
    """Where scripts train: it keeps the steps at which lambda was asked for."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.asked: list[int] = []
        self.criterion = api.wrap(nn.CrossEntropyLoss(), lam=self.lam, gamma=0.5)

    def lam(self, step: int) -> float:
        self.asked.append(step)
        return -1.0 - step

    @property
    def few(self) -> int:
        return self.draw.randint(1, 4)

    def net(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4))

    def optimizer(self, parameters: Any) -> torch.optim.Optimizer:
        kind = self.draw.choice([torch.optim.SGD, torch.optim.AdamW, torch.optim.LBFGS])
        return kind(list(parameters), lr=0.01)

    def train(
        self, model: Callable[[Tensor], Tensor], optimizer: torch.optim.Optimizer, steps: int | None = None
    ) -> int:
        """Trains, and returns how many steps."""
        steps = self.few if steps is None else steps
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = self.criterion(model(points), labels)
            loss.backward()
            return loss

        for _ in range(steps):
            if isinstance(optimizer, torch.optim.LBFGS):
                optimizer.step(closure)
            else:
                closure()
                optimizer.step()
            schedule.step()
            if isinstance(model, nn.Module) and self.draw.random() < 0.3:
                model.eval()
                self.criterion(model(points), labels).item()
                model.train()
        return steps


def folds_in_a_loop(lab: Laboratory) -> list[int]:
    found = []
    for _ in range(3):
        model = lab.net()
        optimizer = lab.optimizer(model.parameters())
        found.append(lab.train(model, optimizer))
    return found


def folds_that_leave_a_micro_batch_without_a_step(lab: Laboratory) -> list[int]:
    kept, found = [], []
    for _ in range(3):
        model = lab.net()
        kept.append((model, torch.optim.SGD(model.parameters(), lr=0.1)))
        found.append(lab.train(*kept[-1]) + 1)
        # Of a last window that is not full: it begins a step that nobody makes.
        lab.criterion(model(points), labels).backward()
    return found


def folds_in_functions(lab: Laboratory) -> list[int]:
    def fold() -> int:
        model = lab.net()
        return lab.train(model, lab.optimizer(model.parameters()))

    return [fold() for _ in range(3)]


def folds_that_are_kept(lab: Laboratory) -> list[int]:
    kept, found = [], []
    for _ in range(3):
        model = lab.net()
        kept.append((model, lab.optimizer(model.parameters())))
        found.append(lab.train(*kept[-1]))
    return found


def a_backbone_that_is_frozen_and_shared(lab: Laboratory) -> list[int]:
    backbone, found = lab.net(), []
    backbone.requires_grad_(requires_grad=lab.draw.random() < 0.5)
    for _ in range(3):
        head = nn.Linear(4, 4)
        model = nn.Sequential(backbone, head)
        found.append(lab.train(model, lab.optimizer(head.parameters())))
    return found


def heads_over_features_of_one_model(lab: Laboratory) -> list[int]:
    backbone, found = lab.net(), []
    for _ in range(2):
        head = nn.Linear(4, 4)
        optimizer = lab.optimizer(head.parameters())
        found.append(lab.train(lambda x, head=head: head(backbone(x)), optimizer))
    return found


def tensors_without_a_module(lab: Laboratory) -> list[int]:
    found = []
    for _ in range(3):
        weight = torch.zeros(4, 4, requires_grad=True)
        optimizer = torch.optim.SGD([weight], lr=0.1)
        found.append(lab.train(lambda x, weight=weight: x @ weight, optimizer))
        # The first goes before the next one comes.
        del optimizer
    return found


def generations_that_begin_with_the_weights_of_the_last(lab: Laboratory) -> list[int]:
    model, found = lab.net(), []
    for _ in range(3):
        model = copy.deepcopy(model)
        found.append(lab.train(model, lab.optimizer(model.parameters())))
    return found


def a_student_after_its_teacher(lab: Laboratory) -> list[int]:
    teacher, student = lab.net(), lab.net()
    first = lab.train(teacher, lab.optimizer(teacher.parameters()))
    teacher.eval()

    def distilled(x: Tensor) -> Tensor:
        with torch.no_grad():
            teacher(x)
        return student(x)

    return [first, lab.train(distilled, lab.optimizer(student.parameters()))]


def an_estimator_that_is_fitted_again(lab: Laboratory) -> list[int]:
    class Estimator:
        def fit(self) -> int:
            self.module = lab.net()
            self.optimizer = lab.optimizer(self.module.parameters())
            return lab.train(self.module, self.optimizer)

    one = Estimator()
    return [one.fit() for _ in range(3)]


def generators_with_their_discriminators(lab: Laboratory) -> list[int]:
    return [turns(lab) for _ in range(2)]


def turns(lab: Laboratory) -> int:
    one, two = lab.net(), lab.net()
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.01) for model in (one, two)]
    rounds, often = lab.few, lab.few
    for _ in range(rounds):
        lab.train(one, optimizers[0], often)
        lab.train(lambda x: two(one(x)), optimizers[1], 1)
    return rounds * (often + 1)


def phases_with_new_optimizers(lab: Laboratory) -> list[int]:
    model = lab.net()
    return [sum(lab.train(model, lab.optimizer(model.parameters())) for _ in range(3))]


def a_head_and_then_everything(lab: Laboratory) -> list[int]:
    model: Any = lab.net()
    head = lab.train(model, lab.optimizer(model[-1].parameters()))
    return [head + lab.train(model, lab.optimizer(model.parameters()))]


def a_group_that_is_added(lab: Laboratory) -> list[int]:
    model: Any = lab.net()
    optimizer = torch.optim.SGD(model[-1].parameters(), lr=0.1)
    first = lab.train(model, optimizer)
    optimizer.add_param_group({"params": model[0].parameters()})
    return [first + lab.train(model, optimizer)]


def a_network_that_grows(lab: Laboratory) -> list[int]:
    old = lab.net()
    first_optimizer = torch.optim.SGD(old.parameters(), lr=0.01)
    steps = lab.train(old, first_optimizer)
    new = nn.Linear(4, 4)
    optimizer = torch.optim.SGD(new.parameters(), lr=0.01)
    for _ in range(lab.few):
        steps += lab.train(nn.Sequential(old, new), optimizer, 1)
        first_optimizer.step()
    return [steps]


def a_generator_and_its_discriminator(lab: Laboratory) -> list[int]:
    return [turns(lab)]


def two_models_that_take_turns(lab: Laboratory) -> list[int]:
    models = [lab.net() for _ in range(2)]
    optimizers = [lab.optimizer(model.parameters()) for model in models]
    steps = 0
    for _ in range(3):
        steps += sum(lab.train(*pair) for pair in zip(models, optimizers, strict=True))
    return [steps]


def an_average_of_weights_with_its_own_phase(lab: Laboratory) -> list[int]:
    model = lab.net()
    steps = lab.train(model, lab.optimizer(model.parameters()))
    average = torch.optim.swa_utils.AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.05)
    steps += lab.train(model, optimizer)
    average.update_parameters(model)
    torch.optim.swa_utils.update_bn([points], average)
    return [steps + lab.train(model, optimizer)]


def a_finder_of_learning_rates_and_its_reset(lab: Laboratory) -> list[int]:
    model = lab.net()
    start = copy.deepcopy(model.state_dict())
    steps = lab.train(model, lab.optimizer(model.parameters()))
    model.load_state_dict(start)
    return [steps + lab.train(model, lab.optimizer(model.parameters()))]


def an_optimizer_made_anew_every_epoch(lab: Laboratory) -> list[int]:
    model = lab.net()
    steps = 0
    for _ in range(4):
        optimizer = lab.optimizer(model.parameters())
        steps += lab.train(model, optimizer)
    return [steps]


# Each of them trains, and returns how many steps every training of its own has.
ARRANGEMENTS = [
    folds_in_a_loop,
    folds_that_leave_a_micro_batch_without_a_step,
    folds_in_functions,
    folds_that_are_kept,
    a_backbone_that_is_frozen_and_shared,
    heads_over_features_of_one_model,
    tensors_without_a_module,
    generations_that_begin_with_the_weights_of_the_last,
    a_student_after_its_teacher,
    an_estimator_that_is_fitted_again,
    generators_with_their_discriminators,
    phases_with_new_optimizers,
    a_head_and_then_everything,
    a_group_that_is_added,
    a_network_that_grows,
    a_generator_and_its_discriminator,
    two_models_that_take_turns,
    an_average_of_weights_with_its_own_phase,
    a_finder_of_learning_rates_and_its_reset,
    an_optimizer_made_anew_every_epoch,
]
