"""Names what computes a loss inside of a model, in one kernel or in chunks, so that no sample has a loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

SWITCHES = {
    "liger_kernel": (
        "Liger",
        "set use_liger_kernel=False in the arguments of the Trainer, or call apply_liger_kernel_to_…("
        "fused_linear_cross_entropy=False, cross_entropy=False)",
    ),
    "unsloth": ("Unsloth", "load the model with transformers' AutoModelForCausalLM"),
    "cut_cross_entropy": ("Cut Cross-Entropy", "leave cce_patch(model) out"),
    "trl": (
        "TRL's fused head",
        "give the trainer the model's own loss: SFTTrainer(…, compute_loss_func=loss_function(model)), from "
        "absgd_worker.integrations.hugging_face",
    ),
}
"""By the package of the code: what it is called, and how to turn it off."""


def fused_loss_in(models: Iterable[nn.Module]) -> str | None:
    """The loss that a model computes by code of these packages, with the remedy; None if there is none.

    Args:
        models: outermost ones. Those inside are looked at, too, since a patch may be anywhere.
    """
    for model in models:
        for part in model.modules():
            forward = vars(part).get("forward", type(part).forward)
            # A patch may have taken over the name and the module of what it replaces.
            code: Any = getattr(forward, "__func__", forward)
            written = getattr(code, "__globals__", {}).get("__name__", "")
            for origin in (written, code.__module__ or "", type(part).__module__):
                package = origin.split(".")[0]
                # Unsloth writes modules of its own: unsloth_compiled_module_llama.
                package = "unsloth" if package.startswith("unsloth") else package
                if package in SWITCHES:
                    name, switch = SWITCHES[package]
                    return (
                        f"{type(part).__name__} is computed by {name} ({origin}), and shows no loss of a "
                        f"sample. To weigh its losses, {switch}"
                    )
    return None
