"""One call of a wrapped criterion: what is reduced inside, and whether its result is a loss of samples.

A reduction is weighed where the result is an affine function of it: a sum of such losses, each times a number
that does not depend on the batch. A product, a quotient or a root of reductions is one figure of the batch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from absgd_worker.attach.capture.element_factors import factors_of_elements, hidden_from_captures
from absgd_worker.attach.capture.left_unweighed import refuse_or_say
from absgd_worker.attach.capture.sample_independence import depend_on_others, without_hooks
from absgd_worker.attach.hooks.backward_terms import mark_known
from absgd_worker.attach.hooks.backward_use import BackwardUse
from absgd_worker.attach.provenance.factors_from_graph import factors_of
from absgd_worker.attach.provenance.granularity import group_elements
from absgd_worker.attach.provenance.reduction_calls import ReductionCall
from absgd_worker.attach.provenance.sample_layout import Layout
from absgd_worker.attach.session.session import Session

_mixes: WeakKeyDictionary[Session, dict[tuple[str, str], bool]] = WeakKeyDictionary()


class _Reduction(NamedTuple):
    """Of losses, within the criterion."""

    edge: GradientEdge
    """Where it is in the graph: the script may change the tensor in place."""
    result: Tensor
    use: BackwardUse | None = None
    """Of one that is weighed already."""
    call: ReductionCall | None = None
    """Of one that is weighed if it proves to be a loss."""
    name: str = ""


class CriterionCall:
    """Held open by the capture of one call."""

    def __init__(self, session: Session, what: str, arguments: object) -> None:
        self._session = session
        self.what = what
        self.sources = [
            one for one in tensors_in(arguments) if one.requires_grad and not isinstance(one, nn.Parameter)
        ]
        """What of the criterion's arguments has a gradient: scores of a batch."""
        self.is_empty = False
        """Whether a loss in it has no sample that counts."""
        self.mixes = False
        """Whether there are numbers in it that depend on several samples each."""
        self.is_left = False
        """Whether a loss of torch in it is left as it is, which has been said."""
        self._found: list[_Reduction] = []

    def follow(self, result: Tensor, use: BackwardUse) -> None:
        """A loss in it is weighed."""
        self._found.append(_Reduction(get_gradient_edge(result), result, use))

    def propose(self, call: ReductionCall, name: str) -> Tensor:
        """A reduction of one number a sample, which may be a loss. Gives its plain result."""
        result = call.plain()
        self._found.append(_Reduction(get_gradient_edge(result), result, None, call, name))
        return result

    def mix_samples(self, losses: Tensor, name: str) -> bool:
        """Whether the numbers of one sample, a row of `losses`, depend on other samples of the batch. Found
        out once for each `name`."""
        known = _mixes.setdefault(self._session, {})
        key = (self.what, name)
        if key not in known and losses.requires_grad and losses.ndim and losses.shape[0] > 1:
            known[key] = depend_on_others(losses, self.sources)
        is_mixed = known.get(key, False)
        self.mixes = self.mixes or is_mixed
        return is_mixed

    def settled(self, result: Any) -> tuple[Any, bool]:
        """What the criterion gives to the script, and whether anything in it is weighed.

        Raises:
            NotWeighable: lambda is on, and the result is a figure of the whole batch.
        """
        found = [
            one for one in self._found if one.call is None or not self.mix_samples(one.call.losses, one.name)
        ]
        with hidden_from_captures(self._session):
            return self._settled(result, found)

    def _settled(self, result: Any, found: list[_Reduction]) -> tuple[Any, bool]:
        outputs = [one for one in tensors_in(result) if one.requires_grad and one.numel() == 1]
        slopes = [_slopes(output, found, self.sources) for output in outputs]
        is_other = any(slope is None for of_output in slopes for slope in of_output)
        if is_other:
            return self._refused(result), False
        used: list[Any] = [
            next((one[at] for one in slopes if isinstance(one[at], Tensor)), None) for at in range(len(found))
        ]
        changes: list[Tensor | None] = []
        is_weighed = False
        for one, slope in zip(found, used, strict=True):
            is_new = one.call is not None and slope is not None
            changes.append(None if slope is None or not is_new else self._weighed(one, slope, outputs[0]))
            if one.use is not None:
                one.use.follow(one.result)
            is_weighed = is_weighed or one.use is not None or is_new
        if not any(change is not None for change in changes):
            return result, is_weighed
        made = {
            id(output): _with(output, of_output, changes)
            for output, of_output in zip(outputs, slopes, strict=True)
        }
        return _mapped(result, lambda one: made.get(id(one), one)), is_weighed

    def _weighed(self, one: _Reduction, slope: Tensor, output: Tensor) -> Tensor | None:
        """By how much weighing changes a reduction; None where it does not. Under a negative `slope` its
        numbers are likelihoods, of which the losses are the negatives."""
        session, call = self._session, one.call
        assert call is not None
        plain = call.losses.detach()
        plain = -plain if bool(slope.sum() < 0) else plain
        factors = factors_of(call.losses)
        grouping = group_elements(plain, factors.kept, "sample", Layout(), factors=factors.of)
        about = f"per-sample losses, then {call.kind}"
        origin = session.watch.passes.of_losses(call.losses)
        weights = factors_of_elements(session, one.name, about, grouping, plain, origin=origin)
        if weights is None:
            self.is_empty = True
            return None
        use = session.take_use()
        # Other terms of the output may be left unweighed.
        mark_known(one.result)
        if use is not None:
            use.follow(output, is_known=output is one.result)
        # The gradient of the plain reduction goes with its value.
        return None if session.is_off else call.weighed(weights) - call.plain()

    def _refused(self, result: Any) -> Any:
        for one in self._found:
            if one.use is not None:
                self._session.forget(one.use)
        refuse_statistic(self._session, self.what)
        return result


def statistic(what: str) -> str:
    """What is said of a criterion that gives a statistic of the batch. `what`: its name."""
    return (
        f"{what} gives one figure of the whole batch (as a soft F1 score, a correlation or a contrastive "
        "loss does), which is no sum of losses of single samples: leave it out of wrap, or make a loss of "
        "each sample and weigh those with absgd_worker.weigh(losses)"
    )


def refuse_statistic(session: Session, what: str) -> None:
    """Raises NotWeighable; while lambda is off it is said."""
    refuse_or_say(session, what, statistic(what))


def _slopes(output: Tensor, found: list[_Reduction], sources: list[Tensor]) -> list[Tensor | bool | None]:
    """The derivative of an output by each reduction: False where it has none, None where it depends on the
    batch."""
    direct = [output.grad_fn is one.edge.node for one in found]
    if len(found) == 1 and direct[0]:
        return [torch.ones_like(output)]
    if not found:
        return []
    edges = [one.edge for one in found]
    try:
        with torch.enable_grad():
            slopes = torch.autograd.grad(
                output.sum(), edges, create_graph=True, retain_graph=True, allow_unused=True
            )
        return [False if slope is None else _constant(slope, [*edges, *sources]) for slope in slopes]
    except RuntimeError:
        # A graph that cannot be differentiated twice: losses of torch are taken for what they are.
        return [None if one.call is not None else False for one in found]


def _constant(slope: Tensor, inputs: list[Any]) -> Tensor | None:
    """`slope`, detached from nothing; None where it depends on any of `inputs`."""
    if slope.requires_grad:
        with without_hooks([one for one in inputs if isinstance(one, Tensor)]):
            by = torch.autograd.grad(slope.sum(), inputs, retain_graph=True, allow_unused=True)
        if any(one is not None and bool((one != 0).any()) for one in by):
            return None
    return slope


def _with(output: Tensor, slopes: list[Any], changes: list[Tensor | None]) -> Tensor:
    for slope, change in zip(slopes, changes, strict=True):
        if isinstance(slope, Tensor) and change is not None:
            term = (slope * change).sum().to(output.dtype)
            mark_known(term)
            output = output + term
    return output


def tensors_in(value: object) -> Iterator[Tensor]:
    """Those in a structure of lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from tensors_in(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from tensors_in(one)


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same structure of other tensors."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, MutableMapping):
        made = copy.copy(value)
        for name, one in value.items():
            made[name] = _mapped(one, change)
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_mapped(one, change) for one in value])
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(one, change) for one in value)
    return value
