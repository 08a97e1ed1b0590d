"""What every element of a loss is multiplied by.

Shapes: G samples, N elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from absgd_worker.attach.provenance.functional_losses import LOSSES
from absgd_worker.attach.provenance.granularity import GranularityError, Grouping
from absgd_worker.attach.samples.sample_identity import NOBODY, Identity
from absgd_worker.attach.samples.sample_origin import Origin
from absgd_worker.attach.session.known_samples import identity_of
from absgd_worker.attach.session.session import Session


@contextmanager
def hidden_from_captures(session: Session) -> Iterator[None]:
    """What is computed in here is weighed already, and no capture is to look at it."""
    before, session.is_weighing = session.is_weighing, True
    try:
        yield
    finally:
        session.is_weighing = before


def say_or_raise(session: Session, name: str, about: str, error: GranularityError) -> None:
    """Raises it, with the loss that it is `about`; while λ is off, it is said."""
    function = about.split(" ", 1)[0].rstrip(",")
    message = f"{about}: {error}"
    if function in _NAMES:
        message += (
            f". Or leave it as it is, as a loss of a detector's boxes: capture(leave=[{function!r}]), "
            f"absgd-run --leave {function}"
        )
    if not session.is_off:
        raise GranularityError(message) from None
    session.start_line.unweighed(name, message)


def factors_of_elements(
    session: Session,
    name: str,
    about: str,
    grouping: Grouping,
    plain: Tensor,
    *,
    identity: Identity = NOBODY,
    index_M: Tensor | None = None,
    origin: Origin | None = None,
) -> Tensor | None:
    """Weighs the samples of a loss and gives every element of `plain` its sample's factor. The start line
    says `about` it, once. A sample without a valid element has weight 0, and does not count. None where there
    is no sample that counts: nothing is weighed then, and the loss is to stay what it is.

    `index_M`, `origin`: as in `Within`. An index in `identity` was given by hand, and holds.
    """
    losses_G, counts_G = grouping.losses_G, grouping.counts_G
    kept = None if counts_G is None else counts_G > 0
    held_G = losses_G if kept is None else losses_G[kept]
    if not held_G.shape[0]:
        session.note_empty_loss()
        return None
    session.start_line.loss(about, grouping.unit, name)
    if identity.indices is None:
        known = identity_of(origin, losses_G.shape[0], index_M)
        identity = identity._replace(indices=known.indices, ids=known.ids, data=known.data)
    if identity.labels is not None and identity.labels.shape[0] != losses_G.shape[0]:
        # Those of tokens are none of their sequence.
        identity = identity._replace(labels=None)
    if kept is None:
        factors_G = session.weigh(name, losses_G, identity) * losses_G.shape[0]
    else:
        weights = session.weigh(name, held_G, identity.of(kept))
        factors_G = torch.zeros_like(losses_G, dtype=weights.dtype)
        factors_G[kept] = weights * held_G.shape[0]
    factors_N = factors_G if grouping.group_N is None else factors_G[grouping.group_N]
    return factors_N.reshape(plain.shape)


_NAMES = {function.__name__ for function in LOSSES}
