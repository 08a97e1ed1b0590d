"""What every element of a loss is multiplied by.

Shapes: G samples, N elements.
"""

from __future__ import annotations

import torch
from torch import Tensor

from absgd_worker.attach.granularity import GranularityError, Grouping
from absgd_worker.attach.identity import NOBODY, Identity
from absgd_worker.attach.known_samples import identity_of
from absgd_worker.attach.origin import Origin
from absgd_worker.attach.session import Session


def say_or_raise(session: Session, name: str, about: str, error: GranularityError) -> None:
    """Raises it; while λ is off, it is said."""
    if not session.is_off:
        raise error
    session.start_line.unweighed(name, f"{about}: {error}")


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
) -> Tensor:
    """Weighs the samples of a loss and gives every element of `plain` its sample's factor. The start line
    says `about` it, once. A sample without a valid element has weight 0, and does not count.

    `index_M`, `origin`: as in `Within`. An index in `identity` was given by hand, and holds.
    """
    session.start_line.loss(about, grouping.unit, name)
    losses_G, counts_G = grouping.losses_G, grouping.counts_G
    if identity.indices is None:
        known = identity_of(origin, losses_G.shape[0], index_M)
        identity = identity._replace(indices=known.indices, ids=known.ids, data=known.data)
    if identity.labels is not None and identity.labels.shape[0] != losses_G.shape[0]:
        # Those of tokens are none of their sequence.
        identity = identity._replace(labels=None)
    if counts_G is None:
        weights_G = session.weigh(name, losses_G, identity)
        factors_G = weights_G * losses_G.shape[0]
    else:
        kept = counts_G > 0
        held_G = losses_G[kept]
        if held_G.shape[0] == 0:
            return torch.ones_like(plain)
        weights = session.weigh(name, held_G, identity.of(kept))
        factors_G = torch.zeros_like(losses_G, dtype=weights.dtype)
        factors_G[kept] = weights * held_G.shape[0]
    factors_N = factors_G if grouping.group_N is None else factors_G[grouping.group_N]
    return factors_N.reshape(plain.shape)
