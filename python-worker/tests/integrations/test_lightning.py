"""The callback of Lightning, on a small module made here."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import _get_current_function_mode_stack
from torch.utils.data import DataLoader, TensorDataset

from absgd_worker.attach import api
from lazily import lazily, needs
from small_trainer import Stops

L, integration, fits = (
    lazily("lightning"),
    lazily("absgd_worker.integrations.lightning"),
    lazily("lightning_fit"),
)
pytestmark = [needs("lightning"), pytest.mark.filterwarnings("ignore")]


def outcome(module: Any) -> tuple[list[float], Tensor]:
    weights = torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
    return module.trained, torch.cat([weights, torch.rand(1)])


@pytest.mark.parametrize(
    ("options", "counted"),
    [
        ({}, (16, 16)),
        ({"accumulate_grad_batches": 3}, (6, 16)),
        ({"precision": "bf16-mixed"}, (16, 16)),
        ({"manual": True}, (16, 16)),
        ({"gradient_clip_val": 0.1}, (16, 16)),
        ({"compiles": True, "max_epochs": 1, "limit_val_batches": 0}, (8, 8)),
    ],
)
def test_nothing_changes_while_lambda_is_off_and_not_otherwise(
    tmp_path: Path, options: dict[str, Any], counted: tuple[int, int]
) -> None:
    options = {"make": fits.Silent if "compiles" in options else fits.Classifier, **options}
    losses, weights = outcome(fits.fit(tmp_path, **options)[1])
    for lam, is_same in ((float("inf"), True), (-1.0, False)):
        callback = fits.Counted(lam=lam)
        own_losses, own_weights = outcome(fits.fit(tmp_path, callback, **options)[1])
        assert ((own_losses == losses) and torch.equal(own_weights, weights)) is is_same
        assert callback.counted == counted
        assert _get_current_function_mode_stack() == []


@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_schedule_in_epochs_has_the_epochs_of_the_trainer(tmp_path: Path, accumulation: int) -> None:
    options = {"accumulate_grad_batches": accumulation, "max_epochs": 2}
    steps = 2 * math.ceil(8 / accumulation)

    def trained(lam: Any) -> torch.Tensor:
        return outcome(fits.fit(tmp_path, fits.Counted(lam=lam), **options)[1])[1]

    weights = trained("join(off.for(epochs(1)), -1)")
    assert torch.equal(weights, trained(lambda step: math.inf if step < steps // 2 else -1.0))
    assert not torch.equal(weights, trained(lambda step: math.inf if step < steps // 2 - 1 else -1.0))


@pytest.mark.parametrize("end", ["stop", "over"])
def test_saving_and_stopping_reach_the_trainer_and_its_metrics_the_run(tmp_path: Path, end: str) -> None:
    callback = integration.AbsgdCallback()
    source = Stops(callback, {5: "save", 9: "evaluate", 11: end})
    with api.session(source=source) as session:
        trainer, _ = fits.fit(tmp_path, callback)
    assert source.said == ["the Trainer saves itself"]
    saved = torch.load(tmp_path / "absgd-step=5.ckpt", weights_only=False)
    assert saved["callbacks"]["AbsgdCallback"]["step"] == 5
    assert (trainer.global_step, session.step) == (11, 11)
    step, split, metrics = source.found[0]
    assert (step, split, sorted(metrics)) == (7, "val", ["acc", "loss"])


def test_planned_values_reach_the_first_step_of_automatic_optimization(tmp_path: Path) -> None:
    source = Stops(callback := integration.AbsgdCallback(), {})
    source.controls["lr"] = 0.5
    with api.session(source=source):
        _, module = fits.fit(tmp_path, callback, max_epochs=1)
    optimizer: Any = module.optimizers()
    assert [entry.controls["lr"] for entry in source.entries] == [0.5] * 8
    assert optimizer.param_groups[0]["lr"] == 1e-2


def test_training_goes_on_exactly_from_a_checkpoint_of_the_trainer(tmp_path: Path) -> None:
    def keeps() -> Any:
        return L.pytorch.callbacks.ModelCheckpoint(dirpath=tmp_path, filename="{epoch}", save_top_k=-1)

    class Seeded(L.Callback):
        """Lightning keeps no random numbers in its checkpoints."""

        def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
            torch.manual_seed(trainer.global_step)

    options = {"max_epochs": 3, "enable_checkpointing": True}
    _, unbroken = fits.fit(tmp_path, fits.Counted(lam=-0.7, gamma=0.5), keeps(), Seeded(), **options)
    callback = fits.Counted(lam=-0.7, gamma=0.5)
    _, resumed = fits.fit(tmp_path, callback, keeps(), Seeded(), resume=tmp_path / "epoch=0.ckpt", **options)
    assert resumed.trained == unbroken.trained[8:]
    assert torch.equal(outcome(resumed)[1][:-1], outcome(unbroken)[1][:-1])
    assert callback.counted[0] == 24


def test_a_checkpoint_that_is_saved_after_training_has_the_state(tmp_path: Path) -> None:
    trainer, _ = fits.fit(tmp_path, integration.AbsgdCallback(lam=-0.7), max_epochs=1)
    trainer.save_checkpoint(tmp_path / "after.ckpt")
    callback = fits.Counted(lam=-0.7)
    callback.load_state_dict(
        torch.load(tmp_path / "after.ckpt", weights_only=False)["callbacks"]["AbsgdCallback"]
    )
    fits.fit(tmp_path, callback, max_epochs=1)
    assert callback.counted[0] == 16


def test_an_exception_ends_the_session_by_that_exception(tmp_path: Path) -> None:
    class Fails(L.Callback):
        def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
            if trainer.global_step == 3:
                raise KeyError("of the script")

    callback = integration.AbsgdCallback(lam=-1.0)
    with pytest.raises(KeyError, match="of the script"):
        fits.fit(tmp_path, callback, Fails())
    assert callback.session is None
    assert _get_current_function_mode_stack() == []


def test_the_settings_are_those_of_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABSGD_RUNS", str(tmp_path / "runs"))
    callback = fits.Counted(run="fitted", lam=lambda step: -1.0 - step, mirror="off")
    fits.fit(tmp_path, callback, max_epochs=1)
    assert (tmp_path / "runs" / "fitted").is_dir()
    assert callback.counted == (8, 8)


def test_a_plan_that_is_over_before_the_trainer_stops_it(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('{"format": 1, "runSteps": 5, "controls": {"lambda": [[0, -2]]}}')
    callback = fits.Counted(plan=plan)
    trainer, _ = fits.fit(tmp_path, callback)
    assert (trainer.global_step, callback.counted) == (5, (5, 5))


def test_what_is_saved_has_what_other_callbacks_and_schedulers_do_after_a_batch(tmp_path: Path) -> None:
    class Scheduled(fits.Classifier):
        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(self.parameters(), lr=1e-2)
            scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
            return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    callback = integration.AbsgdCallback()
    with api.session(source=Stops(callback, {5: "save"})):
        fits.fit(tmp_path, callback, fits.Averages(), make=Scheduled, max_epochs=1)
    saved = torch.load(tmp_path / "absgd-step=5.ckpt", weights_only=False)
    assert saved["callbacks"]["Averages"] == {"count": 5}
    assert saved["lr_schedulers"][0]["last_epoch"] == 5
    assert saved["callbacks"]["AbsgdCallback"]["step"] == 5


@pytest.mark.parametrize("trainers", [1, 2])
def test_fitted_again_it_goes_on_as_the_trainer_does_or_says_that_it_begins_anew(
    tmp_path: Path, trainers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []

    def lam(step: int) -> float:
        asked.append(step)
        return -4.0 / (1 + step)

    callback = integration.AbsgdCallback(lam=lam)
    trainer, module = fits.fit(tmp_path, callback, max_epochs=1)
    if trainers == 1:
        loader = DataLoader(TensorDataset(torch.randn(64, 6), torch.arange(64) % 3), batch_size=8)
        trainer.fit_loop.max_epochs = 2
        trainer.fit(module, loader, loader)
    else:
        trainer, _ = fits.fit(tmp_path, callback, max_epochs=1)
    assert asked == ([*range(16)] if trainers == 1 else [*range(8)] * 2)
    assert (trainer.global_step, len(asked)) == (16 // trainers, 16)
    assert ("the Trainer begins anew" in capsys.readouterr().err) is (trainers == 2)
