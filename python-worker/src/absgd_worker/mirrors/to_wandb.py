"""A mirror in wandb: online where the user is logged in, else in a folder that `wandb sync` uploads."""

from __future__ import annotations

import hashlib
import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from absgd_worker.console import say
from absgd_worker.mirrors.events import Numbers, Text


class WandbTarget:
    """One run of wandb for the whole run, over all attempts."""

    def __init__(self, folder: Path, project: str | None) -> None:
        self._folder = folder
        self._project = project
        self._run: Any = None
        self._edits: list[str] = []

    def open(self, manifest: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        wandb: Any = import_module("wandb")

        mode = os.environ.get("WANDB_MODE") or ("online" if _is_logged_in(wandb) else "offline")
        self._run = wandb.init(
            project=self._project or os.environ.get("WANDB_PROJECT") or manifest.get("experiment"),
            id=known.get("id") or _id_of(manifest),
            name=manifest.get("run"),
            group=manifest.get("arm"),
            config={
                **(manifest.get("params") or {}),
                "controls": (manifest.get("config") or {}).get("controls"),
            },
            dir=str(self._folder),
            mode=mode,
            resume="allow",
        )
        self._run.define_metric("step", hidden=True)
        self._run.define_metric("*", step_metric="step")
        if mode == "online":
            say(f"absgd mirror: wandb {self._run.url}")
            return {"id": self._run.id, "mode": mode, "url": self._run.url}
        # Files are in a folder `files` of the folder to upload.
        place = str(Path(self._run.dir).parent)
        say(f"absgd mirror: wandb is {mode}; to upload: wandb sync {place}")
        return {"id": self._run.id, "mode": mode, "folder": os.path.relpath(place, self._folder)}

    def attempt(self, number: int, step: int) -> None:
        self._run.log({"step": step, "attempt": number})

    def numbers(self, numbers: Numbers) -> None:
        # wandb's own counter never falls, as steps do after a restart.
        self._run.log({**numbers.values, "step": numbers.step})

    def text(self, text: Text) -> None:
        self._edits.append(text.text)
        self._run.config.update({"ledger": self._edits}, allow_val_change=True)

    def close(self, status: str, final: dict[str, float]) -> None:
        self._run.summary.update({**final, **({"status": status} if status else {})})
        self._run.finish(exit_code=1 if status in {"failed", "lost"} else 0)


def _is_logged_in(wandb: Any) -> bool:
    """Whether wandb has a key, from its environment variable or from `wandb login`."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return bool(wandb.login(prompt=False))
    except TypeError:
        # Older versions.
        return bool(wandb.api.api_key)
    except Exception:
        return False


def _id_of(manifest: dict[str, Any]) -> str:
    known = json.dumps([manifest.get("run"), manifest.get("createdAt")])
    return hashlib.sha256(known.encode()).hexdigest()[:12]
