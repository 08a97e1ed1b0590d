"""A script that absgd-run runs: the command line decides first, then the script."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from absgd_worker.attach.session.options import SessionOptions
from absgd_worker.attach.source.settings import Setting
from absgd_worker.recipes import Recipe

AnySession = TypeVar("AnySession")
_WeighedSession_contra = TypeVar("_WeighedSession_contra", contravariant=True)


class ScriptCapture(Protocol[_WeighedSession_contra]):
    """A capture of the whole script."""

    def weigh_for(self, session: _WeighedSession_contra) -> None:
        """Weighs for this session from the next loss on."""
        ...


@dataclass
class ScriptRun(Generic[AnySession]):
    """The command line of absgd-run; None for what it does not set.

    absgd-run enters a session. A session that the script enters takes its place until it ends. Under a
    controller, which controls one session of a process, the script's session is that of absgd-run.
    """

    is_controlled: bool
    lam: Setting | None = None
    gamma: Setting | None = None
    plan: str | Path | None = None
    run: str | None = None
    is_exact: bool = False
    """Whether the name of an existing run is refused."""
    recipe: Recipe | None = None
    options: SessionOptions = field(default_factory=SessionOptions)
    capture: ScriptCapture[AnySession] | None = None
    """Weighs for the session that is entered."""
    script_sessions: list[AnySession] = field(default_factory=list)
    """All sessions that the script has entered, those that it has left included."""

    @property
    def sets_lambda(self) -> bool:
        """Whether the controller or the command line sets lambda: then the script's own value is ignored."""
        return self.is_controlled or any(one is not None for one in (self.lam, self.plan, self.recipe))

    def combined(self, script: SessionOptions) -> SessionOptions:
        """The options of a session that the script enters: its own, and those of the command line."""
        own = self.options
        return script._replace(
            accumulate=script.accumulate or own.accumulate,
            announce=script.announce or own.announce,
            normaliser="rank-local" if "rank-local" in (script.normaliser, own.normaliser) else "refuse",
            groups=own.groups if script.groups == "scaled" else script.groups,
            mirror="off" if "off" in (script.mirror, own.mirror) else "auto",
            steps_per_epoch=own.steps_per_epoch or script.steps_per_epoch,
        )
