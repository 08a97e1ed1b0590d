"""Who decides under absgd-run: its command line, else the script."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from absgd_worker.attach.session.options import SessionOptions

AnySession = TypeVar("AnySession")
_Weighed_contra = TypeVar("_Weighed_contra", contravariant=True)


class ScriptCapture(Protocol[_Weighed_contra]):
    """A capture of the whole script."""

    def weigh_for(self, session: _Weighed_contra) -> None:
        """Weighs for this session from the next loss on."""
        ...


@dataclass
class Host(Generic[AnySession]):
    """What the command line says: None where it does not. A script's own session takes the place of
    absgd-run's; under a controller, which has one line to the script, it is that one."""

    is_controlled: bool
    lam: float | None = None
    gamma: float | None = None
    plan: str | Path | None = None
    run: str | None = None
    is_exact: bool = False
    """Whether a name of a run that is taken is refused."""
    choices: SessionOptions = field(default_factory=SessionOptions)
    capture: ScriptCapture[AnySession] | None = None
    """Weighs for the session that is entered."""
    guests: list[AnySession] = field(default_factory=list)
    """The script's own sessions, those that it has left included."""

    @property
    def is_decided(self) -> bool:
        """Whether what the script says of lambda is of no account."""
        return self.is_controlled or self.lam is not None or self.plan is not None

    def join(self, guest: SessionOptions) -> SessionOptions:
        """Of a script's session: its own, with what the command line adds."""
        own = self.choices
        return guest._replace(
            accumulate=guest.accumulate or own.accumulate,
            announce=guest.announce or own.announce,
            normaliser="rank-local" if "rank-local" in (guest.normaliser, own.normaliser) else "refuse",
            groups=own.groups if guest.groups == "scaled" else guest.groups,
            mirror="off" if "off" in (guest.mirror, own.mirror) else "auto",
        )
