"""What a backward pass goes through beside weighed losses: read from the graph, from its root down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor

_Node = Any
"""A node of torch's graph."""


class Terms(NamedTuple):
    """Of one backward pass."""

    has_weighed: bool
    """Whether it goes through a weighed loss."""
    unweighed: tuple[tuple[str, ...], ...]
    """Terms that are made of data and go past every weighed loss: the names of the operations that make each,
    the last one first."""
    has_penalty: bool
    """Whether a term is made of parameters alone."""


def mark_known(loss: Tensor) -> None:
    """The loss is weighed, or left as it is and said to be: what is below it is no term of its own."""
    if loss.grad_fn is not None:
        # On the node itself, so that it is gone with its graph.
        node: Any = loss.grad_fn
        node.metadata[_KNOWN] = True


def terms_of(roots: Iterable[Tensor]) -> Terms | None:
    """The terms of a backward pass from these tensors; None where the graph is too large to be read.

    Terms are found through sums, differences, stacks and means. A factor of a weighed loss is no term.
    """
    starts = [root.grad_fn for root in roots if root.grad_fn is not None]
    above = _above_known(starts)
    if above is None:
        return None
    found: list[_Node] = []
    seen: set[_Node] = set()
    left = list(starts)
    while left:
        node = left.pop()
        if node in seen or _is_known(node):
            continue
        seen.add(node)
        if node not in above:
            found.append(node)
            continue
        children = [child for child, _ in node.next_functions if child is not None]
        is_sum = _operation(node) in _SUMS
        left.extend(child for child in children if is_sum or child in above or _is_known(child))
    kinds = [(node, _is_made_of_data(node)) for node in found]
    if any(is_data is None for _, is_data in kinds):
        return None
    return Terms(
        bool(above) or any(_is_known(node) for node in starts),
        tuple(dict.fromkeys(_operations(node) for node, is_data in kinds if is_data)),
        any(not is_data for _, is_data in kinds),
    )


def shape_of(roots: Sequence[Tensor]) -> tuple[str, ...]:
    """The uppermost operations: cheap to read, and others when other terms are added up."""
    found: list[str] = []
    left = [root.grad_fn for root in roots if root.grad_fn is not None]
    while left and len(found) < TOP:
        node = left.pop(0)
        found.append(node.name())
        if not _is_known(node) and _operation(node) in _LINEAR:
            left.extend(child for child, _ in node.next_functions if child is not None)
    return tuple(found)


def _above_known(starts: Sequence[_Node]) -> set[_Node] | None:
    """The nodes from which a known loss is reached."""
    parents: dict[_Node, list[_Node]] = {}
    known: list[_Node] = []
    left, seen = list(starts), set(starts)
    while left:
        node = left.pop()
        if _is_known(node):
            known.append(node)
            continue
        for child, _ in node.next_functions:
            if child is None:
                continue
            parents.setdefault(child, []).append(node)
            if child not in seen:
                seen.add(child)
                left.append(child)
        if len(seen) > MOST_NODES:
            return None
    above: set[_Node] = set()
    left = known
    while left:
        for parent in parents.get(left.pop(), ()):
            if parent not in above:
                above.add(parent)
                left.append(parent)
    return above


def _is_made_of_data(term: _Node) -> bool | None:
    """Whether a term is made of more than parameters: of what a model makes of its input. None where that is
    not known, as within code that was compiled."""
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
    """The names of the operations that make a term, without those that scale it or change its shape."""
    names: dict[str, None] = {}
    for node in nodes_below(term):
        operation = _operation(node)
        if operation in _LAYERS:
            return tuple(names) or (operation,)
        if operation not in _UNTOLD:
            names[operation] = None
        if len(names) == MOST_NAMES:
            break
    return tuple(names)


def nodes_below(term: _Node) -> Iterator[_Node]:
    """The node and all below it, the nearest first."""
    left, seen = [term], {term}
    number = 0
    while number < len(left) and number < MOST_NODES:
        node = left[number]
        number += 1
        yield node
        for child, _ in node.next_functions:
            if child is not None and child not in seen:
                seen.add(child)
                left.append(child)


def _is_known(node: _Node) -> bool:
    return _KNOWN in node.metadata


def _has_constant(node: _Node) -> bool:
    return any(child is None for child, _ in node.next_functions)


def _operation(node: _Node) -> str:
    """ "add" of "AddBackward0"."""
    name: str = node.name()
    return name.rpartition("::")[2].partition("Backward")[0].lower()


_KNOWN = "absgd: known loss"
_SHAPES = {
    *("view", "unsafeview", "reshape", "reshapealias", "squeeze", "unsqueeze", "expand", "alias", "clone"),
    *("tocopy", "select", "unbind", "identity", "contiguous", "copyslices", "asstrided", "permute"),
}
_SUMS = {"add", "sub", "rsub", "stack", "cat", "sum", "mean", "lerp", "nansum", *_SHAPES}
"""What adds up terms, or leaves them as they are."""
_LINEAR = {*_SUMS, "mul", "div", "neg"}
_UNTOLD = {*_LINEAR, "accumulategrad", "t", "transpose", "split", "splitwithsizes", "slice", "index"}
_PRODUCTS = {"mm", "bmm", "mv", "dot", "addmv", "baddbmm", "einsum"}
"""Products, of data where a factor is not trained: of two parameters they are a penalty on them."""
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
"""Operations of losses on data."""
_OPAQUE = {"compiledfunction", "checkpointfunction"}
"""What is inside is not seen."""
TOP = 6
MOST_NAMES = 5
MOST_NODES = 100_000
