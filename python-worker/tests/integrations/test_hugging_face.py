"""The callback and the loss function of Hugging Face's Trainer, on small models made here."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import _get_current_function_mode_stack

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable
from lazily import lazily, needs
from pairwise import pairwise
from project import EXAMPLES
from small_trainer import (
    MAX_STEPS,
    Lines,
    Sentences,
    Stops,
    classifier,
    language_model,
    outcome,
    same,
    small_graph,
    trainer_of,
)

hugging_face, transformers = lazily("absgd_worker.integrations.hugging_face"), lazily("transformers")
pytestmark = needs("transformers")


@pytest.mark.parametrize(
    ("way", "accumulation", "across_devices", "by_function", "make"),
    pairwise(
        ["plain", "bf16", "gradient_checkpointing"],
        [1, 3],
        [True, False],
        [True, False],
        [language_model, classifier],
    ),
)
def test_nothing_changes_while_lambda_is_off_and_not_otherwise(
    tmp_path: Path,
    *,
    way: str,
    accumulation: int,
    across_devices: bool,
    by_function: bool,
    make: Callable[[], Any],
) -> None:
    def trained(callback: Any) -> tuple[list[float], Tensor]:
        model = make()
        loss = hugging_face.loss_function(model) if by_function else None
        trainer = trainer_of(
            tmp_path,
            model,
            Lines() if make is language_model else Sentences(),
            callback=callback,
            compute_loss_func=loss,
            gradient_accumulation_steps=accumulation,
            average_tokens_across_devices=across_devices,
            **({} if way == "plain" else {way: True}),
        )
        counted: list[int] = []
        if callback is not None:
            end = callback.on_train_end

            def ended(*args: Any, **kwargs: Any) -> None:
                assert callback.session is not None
                counted.extend([callback.session.step, callback.session.captured])
                end(*args, **kwargs)

            callback.on_train_end = ended  # type: ignore[method-assign]
        trainer.train()
        assert counted == ([] if callback is None else [MAX_STEPS, MAX_STEPS * accumulation])
        assert _get_current_function_mode_stack() == []
        return outcome(trainer)

    plain = trained(None)
    assert same(trained(hugging_face.AbsgdCallback()), plain)
    assert not same(trained(hugging_face.AbsgdCallback(lam=-1.0)), plain)


def test_nothing_changes_while_lambda_is_off_where_the_trainer_compiles_its_model(tmp_path: Path) -> None:
    def trained(callback: Any) -> tuple[list[float], Tensor]:
        torch._dynamo.reset()
        options = {"torch_compile": True, "torch_compile_backend": "eager"}
        trainer = trainer_of(tmp_path, small_graph(), Lines(), callback=callback, **options)
        trainer.train()
        return outcome(trainer)

    plain = trained(None)
    assert same(trained(hugging_face.AbsgdCallback()), plain)
    assert not same(trained(hugging_face.AbsgdCallback(lam=-1.0)), plain)


@pytest.mark.parametrize(
    ("accumulation", "options", "width"),
    [
        (1, {}, 0),
        (3, {}, 0),
        (3, {"num_labels": 1}, 1),
        (1, {"num_labels": 2, "problem_type": "multi_label_classification"}, 2),
        (3, {"num_labels": 2, "problem_type": "regression"}, 2),
    ],
)
def test_the_loss_function_is_the_models_own_whatever_it_divides_by(
    tmp_path: Path, accumulation: int, options: dict[str, Any], width: int
) -> None:
    outcomes = []
    for by_function in (False, True):
        model = classifier(**options)
        trainer = trainer_of(
            tmp_path,
            model,
            Sentences(width),
            compute_loss_func=hugging_face.loss_function(model) if by_function else None,
            gradient_accumulation_steps=accumulation,
        )
        # Some models take the items of a step and pass them on to no loss, and nobody divides then.
        trainer.model_accepts_loss_kwargs = False
        trainer.train()
        outcomes.append(outcome(trainer))
    (plain, weights), (losses, others) = outcomes
    assert losses == pytest.approx(plain, rel=1e-3)
    assert torch.allclose(weights, others, rtol=1e-3, atol=1e-5)


def test_a_loss_of_more_than_logits_and_labels_is_refused_by_name() -> None:
    model = classifier()
    model.loss_function = lambda start_logits, end_logits, **kwargs: start_logits.mean()
    outputs = {"logits": torch.zeros(2, 3, requires_grad=True)}
    with pytest.raises(NotWeighable, match=r"takes start_logits, end_logits: leave compute_loss_func out"):
        hugging_face.loss_function(model)(outputs, torch.zeros(2, dtype=torch.long))


def test_several_documents_in_a_row_are_refused_unless_tokens_are_weighed(tmp_path: Path) -> None:
    def trained(granularity: str) -> int:
        callback = hugging_face.AbsgdCallback(granularity=granularity, lam=-2.0)
        trainer = trainer_of(tmp_path, language_model(), Lines(), callback=callback)
        trainer.data_collator = transformers.DataCollatorWithFlattening()
        trainer.train()
        return trainer.state.global_step

    with pytest.raises(NotWeighable, match="with DataCollatorWithFlattening, a row holds several documents"):
        trained("auto")
    assert trained("token") > 0


@pytest.mark.parametrize("end", ["stop", "over"])
def test_saving_evaluating_and_stopping_reach_the_trainer_by_its_flags(tmp_path: Path, end: str) -> None:
    callback = hugging_face.AbsgdCallback()
    source = Stops(callback, {1: "save", 2: "evaluate", 3: end})
    trainer = trainer_of(
        tmp_path, classifier(), Sentences(), callback=callback, eval_strategy="steps", eval_steps=1000
    )
    with api.session(source=source) as session:
        result = trainer.train()
    assert source.said == [
        "the Trainer saves itself",
        "the Trainer evaluates",
    ]
    assert [folder.name for folder in tmp_path.glob("checkpoint-*")] == ["checkpoint-1"]
    ((step, split, metrics),) = source.found
    assert (step, split, list(metrics)) == (1, "val", ["loss"])
    assert (result.global_step, session.step) == (3, 3)
    assert session.on_checkpoint is None
    assert callback.session is None


def test_training_goes_on_exactly_from_a_checkpoint_of_the_trainer(tmp_path: Path) -> None:
    def trained(folder: Path, **options: Any) -> Any:
        callback = hugging_face.AbsgdCallback(lam=-0.7, gamma=0.5)
        trainer = trainer_of(
            folder, classifier(), Sentences(), callback=callback, save_strategy="steps", save_steps=2
        )
        trainer.train(**options)
        return trainer

    unbroken = trained(tmp_path / "a")
    resumed = trained(tmp_path / "b", resume_from_checkpoint=str(tmp_path / "a" / "checkpoint-2"))
    assert torch.equal(outcome(unbroken)[1], outcome(resumed)[1])
    saved = json.loads((tmp_path / "b" / "checkpoint-4" / "trainer_state.json").read_text())
    state = saved["stateful_callbacks"]["AbsgdCallback"]
    assert state["args"] == {"granularity": "auto", "leave": [], "lam": -0.7, "gamma": 0.5}
    assert state["attributes"]["session_state"]["step"] == 4


def test_training_that_was_broken_off_begins_anew_and_not_where_it_was(tmp_path: Path) -> None:
    class Breaks(transformers.TrainerCallback):
        is_over = False

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 2 and not self.is_over:
                self.is_over = True
                raise KeyboardInterrupt

    steps: list[int] = []

    def lam(step: int) -> float:
        steps.append(step)
        return -1.0

    trainer = trainer_of(tmp_path, classifier(), Sentences(), callback=hugging_face.AbsgdCallback(lam=lam))
    trainer.add_callback(Breaks())
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    trainer.train()
    assert steps == [0, 1, 0, 1, 2, 3]


def test_a_trainer_that_trains_again_counts_from_0_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[int] = []

    def lam(step: int) -> float:
        steps.append(step)
        return -1.0

    trainer = trainer_of(tmp_path, classifier(), Sentences(), callback=hugging_face.AbsgdCallback(lam=lam))
    trainer.train()
    assert "begins anew" not in capsys.readouterr().err
    trainer.train()
    assert steps == [0, 1, 2, 3] * 2
    assert "the Trainer begins anew: so do lambda and its estimate" in capsys.readouterr().err


def test_metrics_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    callback = hugging_face.AbsgdCallback()
    source = Stops(callback, {})
    trainer = trainer_of(
        tmp_path, classifier(), Sentences(), callback=callback, eval_strategy="steps", eval_steps=2
    )
    trainer.compute_metrics = lambda predictions: {"confusion": [[1, 2], [3, 4]], "accuracy": 0.5}
    with api.session(source=source):
        trainer.train()
    assert [sorted(metrics) for _, _, metrics in source.found] == [["accuracy", "loss"]] * 2


def test_an_exception_leaves_nothing_behind_that_weighs(tmp_path: Path) -> None:
    class WorkerFault(Sentences):
        def __getitem__(self, index: int) -> dict[str, Any]:
            if torch.is_grad_enabled() and broken:
                raise KeyError("of the data")
            return super().__getitem__(index)

    broken = True
    callback = hugging_face.AbsgdCallback(lam=-1.0)
    trainer = trainer_of(tmp_path, classifier(), WorkerFault(), callback=callback)
    with pytest.raises(KeyError):
        trainer.train()
    broken = False
    trainer.train()
    assert trainer.state.global_step == MAX_STEPS
    assert callback.session is None
    assert math.isfinite(outcome(trainer)[0][-1])
    # The session that was broken off is closed, and its mode does nothing.
    with api.session(lam=math.inf) as session:
        torch.nn.functional.mse_loss(torch.ones(2, requires_grad=True), torch.zeros(2))
    assert session.captured == 0


def test_under_a_controller_the_trainer_stops_in_good_order(served: Any) -> None:
    """A process of its own, over real sockets."""
    pytest.importorskip("sklearn")
    example = EXAMPLES / "frameworks" / "hugging_face_digits.py"
    controller, worker = served(script=[str(example), "--epochs", "200"])
    controller.await_welcomed()
    controller.plan(0, 100_000, lambda_=math.inf)
    controller.until(lambda: len(controller.steps()) > 40, "an epoch")
    assert controller.ask("a", evaluate={}).message == "the Trainer evaluates"
    stopped = controller.ask("b", stop={"checkpoint": True})
    assert stopped.message.endswith("the Trainer saves itself")
    controller.release()
    assert worker.wait() == 0
    # What follows training is run.
    assert "test accuracy 0." in worker.output
    assert "absgd: stopped: an operator stopped the run" in worker.output
    assert {evaluation.split for evaluation in controller.bodies("evaluation")} == {"val"}
