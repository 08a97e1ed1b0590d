"""Finds the terms of a backward pass that are not weighed, by reading the autograd graph from its root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor

_Node = Any
"""A node of the autograd graph."""


class Terms(NamedTuple):
    """The terms of one backward pass."""

    has_weighed: bool
    """Whether a term is a weighed loss."""
    unweighed: tuple[tuple[str, ...], ...]
    """The terms that are computed from data and contain no weighed loss: for each, the names of its
    operations, the last operation first."""
    has_penalty: bool
    """Whether a term is computed from parameters only."""


def mark_known(loss: Tensor) -> None:
    """Marks a loss that is weighed, or that is reported as unweighed: no part of it is a term of its own."""
    if loss.grad_fn is not None:
        # The mark is kept on the node, so that it is released with the graph.
        node: Any = loss.grad_fn
        node.metadata[_KNOWN] = True


def terms_of(roots: Iterable[Tensor]) -> Terms | None:
    """The terms of a backward pass from `roots`; None if the graph is too large or partly compiled.

    Terms are separated at sums, differences, stacks and means. A factor of a weighed loss is no term.
    """
    starts = [root.grad_fn for root in roots if root.grad_fn is not None]
    above = _above_known(starts)
    if above is None:
        return None
    terms: list[_Node] = []
    seen: set[_Node] = set()
    queue = list(starts)
    while queue:
        node = queue.pop()
        if node in seen or _is_known(node):
            continue
        seen.add(node)
        if node not in above:
            terms.append(node)
            continue
        children = [child for child, _ in node.next_functions if child is not None]
        is_sum = _operation(node) in _SUMS
        queue.extend(child for child in children if is_sum or child in above or _is_known(child))
    kinds = [(node, _is_computed_from_data(node)) for node in terms]
    if any(is_data is None for _, is_data in kinds):
        return None
    return Terms(
        bool(above) or any(_is_known(node) for node in starts),
        tuple(dict.fromkeys(_operations(node) for node, is_data in kinds if is_data)),
        any(not is_data for _, is_data in kinds),
    )


def shape_of(roots: Sequence[Tensor]) -> tuple[str, ...]:
    """The names of the uppermost operations, at most `TOP`. They change if the terms change, and are cheap
    to read."""
    names: list[str] = []
    queue = [root.grad_fn for root in roots if root.grad_fn is not None]
    while queue and len(names) < TOP:
        node = queue.pop(0)
        names.append(node.name())
        if not _is_known(node) and _operation(node) in _LINEAR:
            queue.extend(child for child, _ in node.next_functions if child is not None)
    return tuple(names)


def _above_known(starts: Sequence[_Node]) -> set[_Node] | None:
    """The nodes from which a known loss can be reached; None if the graph has more than `MOST_NODES`."""
    parents: dict[_Node, list[_Node]] = {}
    known: list[_Node] = []
    queue, seen = list(starts), set(starts)
    while queue:
        node = queue.pop()
        if _is_known(node):
            known.append(node)
            continue
        for child, _ in node.next_functions:
            if child is None:
                continue
            parents.setdefault(child, []).append(node)
            if child not in seen:
                seen.add(child)
                queue.append(child)
        if len(seen) > MOST_NODES:
            return None
    above: set[_Node] = set()
    queue = known
    while queue:
        for parent in parents.get(queue.pop(), ()):
            if parent not in above:
                above.add(parent)
                queue.append(parent)
    return above


def _is_computed_from_data(term: _Node) -> bool | None:
    """Whether a term is computed from a model's input, and not from parameters only. None if that is not
    visible, because part of the term was compiled."""
    is_unknown = False
    for node in nodes_below(term):
        operation = _operation(node)
        if operation in _LAYERS or operation in _LOSSES:
            return True
        if operation in _PRODUCTS and _has_constant(node):
            return True
        is_unknown = is_unknown or operation in _OPAQUE
    return None if is_unknown else False


def _operations(term: _Node) -> tuple[str, ...]:
    """The names of a term's operations, without those that scale it or change its shape."""
    names: dict[str, None] = {}
    for node in nodes_below(term):
        operation = _operation(node)
        if operation in _LAYERS:
            return tuple(names) or (operation,)
        if operation not in _NOT_NAMED:
            names[operation] = None
        if len(names) == MOST_NAMES:
            break
    return tuple(names)


def nodes_below(term: _Node) -> Iterator[_Node]:
    """The node and all nodes below it, the nearest first, at most `MOST_NODES`."""
    queue, seen = [term], {term}
    number = 0
    while number < len(queue) and number < MOST_NODES:
        node = queue[number]
        number += 1
        yield node
        for child, _ in node.next_functions:
            if child is not None and child not in seen:
                seen.add(child)
                queue.append(child)


def _is_known(node: _Node) -> bool:
    return _KNOWN in node.metadata


def _has_constant(node: _Node) -> bool:
    return any(child is None for child, _ in node.next_functions)


def _operation(node: _Node) -> str:
    """The operation of a node: "add" for "AddBackward0"."""
    name: str = node.name()
    return name.rpartition("::")[2].partition("Backward")[0].lower()


_KNOWN = "absgd: known loss"
_SHAPES = {
    *("view", "unsafeview", "reshape", "reshapealias", "squeeze", "unsqueeze", "expand", "alias", "clone"),
    *("tocopy", "select", "unbind", "identity", "contiguous", "copyslices", "asstrided", "permute"),
}
_SUMS = {"add", "sub", "rsub", "stack", "cat", "sum", "mean", "lerp", "nansum", *_SHAPES}
"""Operations that add up terms, or keep their values."""
_LINEAR = {*_SUMS, "mul", "div", "neg"}
_NOT_NAMED = {*_LINEAR, "accumulategrad", "t", "transpose", "split", "splitwithsizes", "slice", "index"}
_PRODUCTS = {"mm", "bmm", "mv", "dot", "addmv", "baddbmm", "einsum"}
"""Products. They use data if a factor is not trained; a product of parameters only is a penalty."""
_LAYERS = {
    *("addmm", "linear", "mkldnnlinear", "convolution", "convolutionoverrideable", "mkldnnconvolution"),
    *(
        "cudnnconvolution",
        "embedding",
        "embeddingbag",
        "nativebatchnorm",
        "nativelayernorm",
        "nativegroupnorm",
    ),
    *("cudnnbatchnorm", "miopenbatchnorm", "batchnormimplindex", "mkldnnrnnlayer", "cudnnrnn", "lstm"),
    *("scaleddotproductattention", "scaleddotproductflashattention", "scaleddotproductefficientattention"),
    *("scaleddotproductflashattentionforcpu", "scaleddotproductcudnnattention", "thnnfusedlstmcell"),
    *("thnnfusedgrucell", "maxpool2dwithindices", "avgpool2d", "adaptiveavgpool2d", "nativedropout"),
}
"""Operations of a model on its input."""
_LOSSES = {
    *("crossentropyloss", "nllloss", "nllloss2d", "binarycrossentropy", "binarycrossentropywithlogits"),
    *("kldiv", "gather", "logsoftmax", "ctcloss", "cosineembeddingloss"),
}
"""Operations of a loss on data."""
_OPAQUE = {"compiledfunction", "checkpointfunction"}
"""Operations whose contents are not visible in the graph."""
TOP = 6
MOST_NAMES = 5
MOST_NODES = 100_000
