"""The random states of a run: of Python, of torch on every device, and of numpy if it is imported."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from absgd_worker.errors import CheckpointError


def seed_all(seed: int) -> None:
    """Seeds every source of random numbers. `seed` in [0, 2⁶³)."""
    random.seed(seed)
    torch.manual_seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % 2**32)


def seed_cpu(seed: int) -> None:
    """Seeds the random numbers of Python, of torch on the CPU and of numpy. `seed` in [0, 2⁶³)."""
    random.seed(seed)
    # torch.manual_seed would seed the devices too, whose random numbers belong to the model.
    torch.default_generator.manual_seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % 2**32)


class CpuRandomness(NamedTuple):
    """The states that `seed_cpu` changes."""

    python: tuple[Any, ...]
    torch: Tensor
    numpy: tuple[Any, ...] | None
    """None while numpy is not imported."""

    @classmethod
    def now(cls) -> CpuRandomness:
        """The states of this moment. Waits for no device."""
        numpy = sys.modules.get("numpy")
        return cls(
            random.getstate(), torch.get_rng_state(), None if numpy is None else numpy.random.get_state()
        )

    def is_current(self) -> bool:
        """Whether no random number was drawn since, and numpy was not imported since."""
        now = CpuRandomness.now()
        if now.python != self.python or not torch.equal(now.torch, self.torch):
            return False
        if now.numpy is None or self.numpy is None:
            return now.numpy is self.numpy
        return now.numpy[2:] == self.numpy[2:] and bool((now.numpy[1] == self.numpy[1]).all())

    def restore(self) -> None:
        """Sets the states again."""
        random.setstate(self.python)
        torch.set_rng_state(self.torch)
        if self.numpy is not None:
            sys.modules["numpy"].random.set_state(self.numpy)


def random_state() -> dict[str, Any]:
    """All states as numbers, lists and tensors, for a checkpoint. Waits for the device."""
    version, numbers, gauss = random.getstate()
    state: dict[str, Any] = {
        "python": {"version": version, "numbers": list(numbers), "gauss": gauss},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
    }
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        name, keys, position, has_gauss, cached = numpy.random.get_state()
        state["numpy"] = {
            "name": str(name),
            "keys": keys.tolist(),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached": float(cached),
        }
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Restores what `random_state` returned.

    Raises:
        CheckpointError: this machine has fewer CUDA devices than the state.
    """
    if len(state["cuda"]) > torch.cuda.device_count():
        raise CheckpointError(
            f"the checkpoint was written with {len(state['cuda'])} CUDA devices, here are "
            f"{torch.cuda.device_count()}"
        )
    python = state["python"]
    random.setstate((python["version"], tuple(python["numbers"]), python["gauss"]))
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy" in state:
        given = state["numpy"]
        keys = numpy.array(given["keys"], dtype=numpy.uint32)
        numpy.random.set_state((given["name"], keys, given["position"], given["has_gauss"], given["cached"]))


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Inside, random numbers are those of `seed`. Restores the random states afterwards."""
    state = random_state()
    seed_all(seed)
    try:
        yield
    finally:
        set_random_state(state)
