"""Finds the losses that a script names."""

from __future__ import annotations

import ast

from absgd_worker.first_look.findings import Loss

FUNCTIONS = {
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "multi_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
}
MODULES = {
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
}


def losses_in(tree: ast.Module) -> list[Loss]:
    """Losses of `torch.nn` by their names, and classes and calls whose names say that they are losses."""
    found: dict[tuple[int, str], Loss] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        last = name.rsplit(".", 1)[-1]
        captured = last in FUNCTIONS or last in MODULES
        if captured or last.endswith(("Loss", "_loss")):
            found[node.lineno, last] = Loss(line=node.lineno, name=name, captured=captured)
    return sorted(found.values(), key=lambda loss: (not loss["captured"], loss["line"]))
