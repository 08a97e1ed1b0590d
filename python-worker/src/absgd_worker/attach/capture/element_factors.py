"""The factor by which each element of a loss is multiplied: the weight of its sample.

Shapes: S as the loss's elements, N of them; G samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from absgd_worker.attach.provenance.granularity import Grouping
from absgd_worker.attach.samples.sample_identity import UNKNOWN_IDENTITY, Identity
from absgd_worker.attach.samples.sample_origin import Origin
from absgd_worker.attach.session.session import Session
from absgd_worker.attach.session.steps.known_samples import identity_of


def factors_of_elements(
    session: Session,
    name: str,
    about: str,
    grouping: Grouping,
    plain: Tensor,
    *,
    identity: Identity = UNKNOWN_IDENTITY,
    index_M: Tensor | None = None,
    origin: Origin | None = None,
    is_own: bool = False,
) -> Tensor | None:
    """Weighs the samples of a loss, and returns the factor of each element of `plain`, of shape S.

    The factors are the weights times the number of samples that count, so that equal weights give 1. A sample
    without a valid element has factor 0 and does not count.

    Args:
        name: the estimate of the loss.
        about: the loss, for people; printed once at the start of the run.
        plain: S, the elements.
        identity: the samples, as far as the caller knows them. Indices in it take precedence over `origin`.
        index_M, origin: as in `SampleMapping`.
        is_own: whether the script does not have the elements, so that they need no copy; while lambda is off,
            no factors are needed then, and the weights of the samples are returned instead.

    Returns:
        None if no sample counts: then nothing is weighed, and the loss must stay unchanged.
    """
    losses_G, counts_G = grouping.losses_G, grouping.counts_G
    counted_G = None if counts_G is None else counts_G > 0
    if is_own and counted_G is not None and counted_G.is_cpu and bool(counted_G.all()):
        counted_G = None
        if identity.labels is not None:
            # The script may use the memory of its labels again.
            identity = identity._replace(labels=identity.labels.clone())
    counted_losses = losses_G if counted_G is None else losses_G[counted_G]
    if not counted_losses.shape[0]:
        session.note_empty_loss()
        return None
    session.start_line.loss(about, grouping.unit, name)
    if identity.indices is None:
        known = identity_of(origin, losses_G.shape[0], index_M)
        identity = identity._replace(indices=known.indices, ids=known.ids, data=known.data)
    if identity.labels is not None and identity.labels.shape[0] != losses_G.shape[0]:
        # Labels of tokens are not labels of their sequences.
        identity = identity._replace(labels=None)
    if is_own and session.is_off:
        if counted_G is not None:
            identity = identity.select(counted_G)
        return session.weigh(name, counted_losses, identity)
    if counted_G is None:
        factors_G = session.weigh(name, losses_G, identity) * losses_G.shape[0]
    else:
        weights = session.weigh(name, counted_losses, identity.select(counted_G))
        factors_G = torch.zeros_like(losses_G, dtype=weights.dtype)
        factors_G[counted_G] = weights * counted_losses.shape[0]
    factors_N = factors_G if grouping.group_N is None else factors_G[grouping.group_N]
    return factors_N.reshape(plain.shape)
