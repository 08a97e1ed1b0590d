"""Applies the options of a script's session to the session of a controller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from absgd_worker.attach.session.options import SessionOptions
from absgd_worker.attach.session.session import Session


@contextmanager
def with_script_options(session: Session, options: SessionOptions) -> Iterator[None]:
    """Under a controller, the session that a script enters is `session`, with the options of the script.

    All that is trained inside is one training. The callbacks of the script are removed afterwards; its other
    options stay.
    """
    script_run, session.script_run = session.script_run, None
    may_begin_anew, session.may_begin_anew = session.may_begin_anew, session.step > 0
    callbacks = (session.on_checkpoint, session.on_evaluate)
    session.on_checkpoint = options.on_checkpoint or session.on_checkpoint
    session.on_evaluate = options.on_evaluate or session.on_evaluate
    session.use_options(options)
    try:
        yield
        session.finish_step(is_last=True)
    finally:
        session.on_checkpoint, session.on_evaluate = callbacks
        session.script_run, session.may_begin_anew = script_run, may_begin_anew
