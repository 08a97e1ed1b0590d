"""The context that a task's builder gets beside the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


class StepNumbers:
    """The user's own controls and logged numbers of each step."""

    def __init__(self) -> None:
        self._controls: Mapping[str, float] = {}
        self._logged: dict[str, float | torch.Tensor] = {}

    def control(self, name: str, default: float) -> float:
        """The planned value of a control at this step.

        Args:
            name: of the control, in the plan: `lambda`, `gamma`, `lr` and others, or one of your own.
            default: returned if the plan does not have the control.
        """
        return self._controls.get(name, default)

    def log(self, **numbers: float | torch.Tensor) -> None:
        """Reports numbers with the step that is being trained, as `train.NAME`.

        A tensor on a device is read some steps later, so that training does not wait for the device.

        Args:
            numbers: Python numbers or real tensors with one element. The last value of a name counts.

        Raises:
            ValueError: a tensor has more than one element, or is complex.
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
    """The run of a task. One object for the whole life of the worker.

    Attributes:
        run: the name of the run.
        run_dir: the directory of the run, for the files that a task writes.
        params: the parameters of the run, from the experiment.
        seed: `params["seed"]`, from 0 to 2^53, or 0 if there is none. The random numbers of Python, torch and
            numpy (if it is imported) are seeded with it before `build` is called. A task that needs
            deterministic algorithms calls `torch.use_deterministic_algorithms` itself.
        device: the first CUDA device, or the CPU if there is none. The task may use another one.
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
