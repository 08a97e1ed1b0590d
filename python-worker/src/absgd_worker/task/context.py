"""What a task's builder is given besides the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


class StepNumbers:
    """Controls and numbers of the user's own, step by step."""

    def __init__(self) -> None:
        self._controls: Mapping[str, float] = {}
        self._logged: dict[str, float | torch.Tensor] = {}

    def control(self, name: str, default: float) -> float:
        """A control's planned value at this step; `default` where the plan has none."""
        return self._controls.get(name, default)

    def log(self, **numbers: float | torch.Tensor) -> None:
        """Reports numbers with the step that is being trained: Python numbers or tensors of one element.

        A tensor on a device is read later, by another thread, so that nothing waits for the device here.

        Raises:
            ValueError: a tensor has more than one element.
        """
        for name, number in numbers.items():
            if not isinstance(number, torch.Tensor):
                self._logged[name] = float(number)
            elif number.numel() != 1 or number.is_complex():
                kind = f"{number.dtype} of shape {list(number.shape)}"
                raise ValueError(f"log({name}=…) takes one real number, not a tensor of {kind}")
            else:
                self._logged[name] = number.detach().clone()

    def _enter_step(self, controls: Mapping[str, float]) -> None:
        self._controls = controls

    def _take_logged(self) -> dict[str, float | torch.Tensor] | None:
        if not self._logged:
            return None
        logged, self._logged = self._logged, {}
        return logged


class Context(StepNumbers):
    """A run as its task sees it. One for the whole life of the worker.

    Attributes:
        run: name of the run.
        run_dir: its directory; files that a task writes beyond checkpoints belong here.
        params: the run's parameters, as the experiment gives them.
        seed: `params["seed"]`, or 0. Python's, torch's and (where it is imported) numpy's random numbers were
            seeded with it before `build` was called. Deterministic algorithms are the task's own choice
            (`torch.use_deterministic_algorithms`).
        device: where to train: the first CUDA device if there is one, else the CPU. Only a suggestion.
    """

    def __init__(
        self, *, run: str, run_dir: Path, params: Mapping[str, Any], seed: int, device: torch.device
    ) -> None:
        super().__init__()
        self.run = run
        self.run_dir = run_dir
        self.params = params
        self.seed = seed
        self.device = device
