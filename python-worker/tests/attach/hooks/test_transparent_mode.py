"""A capture does not change which code path torch takes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torch.overrides
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from absgd_worker.attach import api


class Marked(torch.Tensor):
    """A tensor that overrides torch functions."""


def encoder() -> nn.TransformerEncoder:
    torch.manual_seed(0)
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2).eval()


def encoded(model: Callable[..., Tensor], is_padded: bool) -> Tensor:
    x = torch.randn(8, 6, 16, generator=torch.Generator().manual_seed(1))
    padding = torch.arange(6)[None] >= torch.tensor([2, 3, 4, 3, 2, 3, 4, 4])[:, None]
    with torch.no_grad():
        return model(x, src_key_padding_mask=padding) if is_padded else model(x)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("is_padded", [False, True])
def test_the_fast_path_of_evaluation_is_still_taken(is_padded: bool) -> None:
    plain = encoded(encoder(), is_padded)
    with api.session(), api.capture(), api.capture():
        captured = encoded(encoder(), is_padded)
    assert captured.shape == plain.shape
    assert torch.equal(captured, plain)


def test_a_whole_graph_is_compiled_as_without_a_capture() -> None:
    def compiled() -> Tensor:
        torch.compiler.reset()
        return encoded(torch.compile(encoder(), fullgraph=True, backend="aot_eager"), False)

    plain = compiled()
    with api.session(), api.capture():
        assert torch.equal(compiled(), plain)


@pytest.mark.parametrize("lam", [math.inf, -1.0])
def test_methods_of_tensor_that_are_written_in_python_are_compiled_too(lam: float) -> None:
    def loss(x: Tensor, y: Tensor) -> Tensor:
        first, second = x.unflatten(1, (2, 4)).flatten(1).split(4, dim=1)
        rows = torch.einsum("bc,bc->bc", 1.0 - first, 2.0 / (second.exp() + 1.0))
        return F.cross_entropy(rows, y)

    torch.compiler.reset()
    x, y = torch.randn(6, 8, requires_grad=True), torch.arange(6) % 4
    step = torch.compile(loss, fullgraph=math.isinf(lam), backend="eager")
    with api.session(lam=lam), api.capture():
        found = step(x, y)
    assert torch.equal(found, loss(x, y)) is math.isinf(lam)


def test_code_compiles_if_the_first_that_a_process_compiles_is_in_a_capture() -> None:
    from torch._dynamo.variables.torch import TorchInGraphFunctionVariable  # noqa: PLC0415

    def attended() -> Tensor:
        torch.manual_seed(0)
        attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
        x = torch.einsum("bsc,bsc->bsc", torch.ones(2, 3, 8), 1.0 - torch.ones(2, 3, 8))
        torch.compiler.reset()
        return torch.compile(lambda x: attention(1.0 - x, x, x)[0], fullgraph=True, backend="eager")(x)

    # As in a process that has compiled nothing yet: the compiler makes this table once.
    handlers = TorchInGraphFunctionVariable._get_handlers
    handlers.cache_clear()
    try:
        with api.session(), api.capture():
            inside = attended()
        assert torch.equal(attended(), inside)
    finally:
        handlers.cache_clear()


def test_overrides_of_other_code_are_still_reported() -> None:
    asks: object = torch._C._has_torch_function  # type: ignore[attr-defined]
    assert torch.overrides.has_torch_function is asks
    args = (torch.zeros(1),)
    with api.session():
        with api.capture():
            assert not torch.overrides.has_torch_function(args)
            assert torch.overrides.has_torch_function((torch.zeros(1).as_subclass(Marked),))
            with TorchFunctionMode():
                assert torch.overrides.has_torch_function(args)
            assert len(torch.overrides._get_current_function_mode_stack()) == 1
        assert torch.overrides.has_torch_function is asks
