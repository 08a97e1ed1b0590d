"""Losses that are computed inside of a model are refused by name, with the switch that turns them off."""

from __future__ import annotations

import functools
import math
import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.checks.fused_losses import SWITCHES

tokens = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))


def patched(package: str, *, is_class: bool) -> nn.Module:
    """A model whose loss is computed by code of the package: a patched `forward`, or a class of its own."""
    model = nn.Sequential(nn.Linear(4, 4))

    def lce_forward(self: Any, x: Tensor) -> Tensor:
        # No function of torch.nn.functional that has losses of samples.
        return (self[0](x) - x).square().max()

    if is_class:
        kind = type(
            "CausalModel", (nn.Sequential,), {"forward": lce_forward, "__module__": f"{package}.models"}
        )
        model = kind(nn.Linear(4, 4))
    else:
        lce_forward.__module__ = f"{package}.transformers.model.llama"
        model.forward = types.MethodType(lce_forward, model)
    return model


@pytest.mark.parametrize("package", [*SWITCHES, "unsloth_zoo", "unsloth_compiled_module_llama"])
@pytest.mark.parametrize("is_class", [False, True])
def test_a_fused_loss_is_an_error_at_the_first_step_under_lambda(package: str, is_class: bool) -> None:
    model = patched(package, is_class=is_class)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    name, switch = SWITCHES["unsloth" if package.startswith("unsloth") else package]
    with api.session(lam=-1.0), api.capture():
        model(tokens).backward()
        with pytest.raises(api.NotApplied) as refused:
            optimizer.step()
    assert name in str(refused.value)
    assert switch in str(refused.value)


def test_a_patch_that_takes_over_the_name_of_what_it_replaces_is_found() -> None:
    model: nn.Module = nn.Sequential(nn.Linear(4, 4))
    space: dict[str, Any] = {"__name__": "trl.trainer.utils", "wraps": functools.wraps, "model": model}
    exec(
        "@wraps(type(model).forward)\ndef fused(self, x):\n    return (self[0](x) - x).square().max()\n",
        space,
    )
    model.forward = types.MethodType(space["fused"], model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with api.session(lam=-1.0), api.capture():
        model(tokens).backward()
        with pytest.raises(api.NotApplied, match=r"TRL's fused head \(trl.trainer.utils\)"):
            optimizer.step()


def test_with_lambda_off_it_is_said_and_training_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    model = patched("liger_kernel", is_class=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with api.session(lam=lambda step: math.inf if step < 500 else -1.0), api.capture():
        for _ in range(30):
            model(tokens).backward()
            optimizer.step()
    said = capsys.readouterr().err
    assert said.count("computed by Liger (liger_kernel.transformers.model.llama)") == 1
    assert "use_liger_kernel=False" in said


def test_other_layers_of_these_packages_do_not_matter_where_losses_are_weighed() -> None:
    norm = type("LigerRMSNorm", (nn.Identity,), {"__module__": "liger_kernel.transformers.rms_norm"})
    model = nn.Sequential(nn.Linear(4, 4), norm())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with api.session(lam=-1.0) as session, api.capture():
        for _ in range(3):
            nn.functional.cross_entropy(model(tokens), torch.arange(8) % 4).backward()
            optimizer.step()
    assert session.step == 3
