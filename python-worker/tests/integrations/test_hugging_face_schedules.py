"""Schedules in epochs, and recipes, in Hugging Face's Trainer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from absgd_worker.recipes import RecipeError
from lazily import lazily, needs
from small_trainer import Sentences, classifier, trainer_of

hugging_face = lazily("absgd_worker.integrations.hugging_face")
pytestmark = needs("transformers")


@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_schedule_in_epochs_has_the_epochs_of_the_trainer(tmp_path: Path, accumulation: int) -> None:
    def trained(lam: Any) -> tuple[list[torch.Tensor], int]:
        callback = hugging_face.AbsgdCallback(lam=lam)
        options = {"gradient_accumulation_steps": accumulation, "max_steps": -1, "num_train_epochs": 3}
        trainer = trainer_of(tmp_path, classifier(), Sentences(), callback=callback, **options)
        trainer.train()
        model: Any = trainer.model
        weights = [parameter.detach().clone() for parameter in model.parameters()]
        return weights, trainer.state.global_step

    weights, steps = trained("join(off.for(epochs(2)), -1)")
    assert steps % 3 == 0
    expected, _ = trained(lambda step: math.inf if step < 2 * steps // 3 else -1.0)
    other, _ = trained(lambda step: math.inf if step < 2 * steps // 3 - 1 else -1.0)
    assert all(map(torch.equal, weights, expected))
    assert not all(map(torch.equal, weights, other))


def test_a_recipe_knows_how_long_the_trainer_trains(tmp_path: Path) -> None:
    callback = hugging_face.AbsgdCallback(recipe="wrong-labels", wrong=0.2)
    trainer = trainer_of(tmp_path, classifier(), Sentences(), callback=callback, max_steps=4)
    with pytest.raises(RecipeError, match="the training has 4 steps, and a recipe needs at least 256"):
        trainer.train()
    assert torch.overrides._get_current_function_mode_stack() == []
    assert callback.session is None
