"""Reads from environment variables which run a worker serves (proto/README.md, "Sockets")."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absgd_worker.errors import SettingsError


@dataclass(frozen=True)
class Address:
    """The endpoint of a run's controller, and the run's directory."""

    endpoint: str
    """`ipc://` and the path of the directory with the sockets."""
    run_dir: Path

    @property
    def run(self) -> str:
        """The run's name."""
        return self.run_dir.name

    @property
    def control(self) -> str:
        return f"{self.endpoint}/control"

    @property
    def telemetry(self) -> str:
        return f"{self.endpoint}/telemetry"


@dataclass(frozen=True)
class Settings:
    """The settings of a served worker."""

    address: Address
    task: str
    worker: str
    params: dict[str, Any]
    threads: int | None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads the settings of a served worker from environment variables.

    Raises:
        SettingsError: a variable is missing or invalid.
    """
    _require(environment, (*ADDRESS_VARIABLES, "ABSGD_TASK"))
    worker = environment.get("ABSGD_WORKER") or "worker-0"
    if re.fullmatch(r"[a-z0-9._-]{1,64}", worker) is None:
        raise SettingsError(f"ABSGD_WORKER is {worker!r}: 1 to 64 characters of a-z, 0-9, '.', '_' and '-'")
    return Settings(
        address=read_address(environment),
        task=environment["ABSGD_TASK"],
        worker=worker,
        params=parse_params(environment.get("ABSGD_PARAMS", "")),
        threads=_threads(environment.get("ABSGD_THREADS", "")),
    )


def read_address(environment: Mapping[str, str]) -> Address:
    """Reads the endpoint and the directory of the run from environment variables.

    Raises:
        SettingsError: one of the two variables is missing or invalid.
    """
    _require(environment, ADDRESS_VARIABLES)
    run_dir = Path(environment["ABSGD_RUN"])
    if not run_dir.is_absolute():
        raise SettingsError(
            f"ABSGD_RUN is {str(run_dir)!r}: must be the absolute path of the run's directory"
        )
    return Address(_endpoint(environment["ABSGD_ENDPOINT"]), run_dir)


def parse_params(text: str) -> dict[str, Any]:
    """The run's parameters from a JSON object; an empty text is no parameters.

    Raises:
        SettingsError: the text is not a JSON object.
    """
    try:
        params = json.loads(text) if text else {}
    except ValueError as error:
        raise SettingsError(f"the run's parameters are not JSON ({error}): {text[:80]!r}") from None
    if not isinstance(params, dict):
        raise SettingsError(f"the run's parameters must be a JSON object, not {text[:80]!r}")
    return params


def _require(environment: Mapping[str, str], names: tuple[str, ...]) -> None:
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise SettingsError(
            f"{', '.join(missing)} not set: a worker is started by a controller, with `absgd run "
            "experiment.ts`"
        )


def _endpoint(endpoint: str) -> str:
    if not endpoint.startswith("ipc:///"):
        raise SettingsError(
            f"ABSGD_ENDPOINT is {endpoint!r}: only ipc:// endpoints are served, because peers cannot be "
            "authenticated yet"
        )
    return endpoint


def _threads(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"ABSGD_THREADS is {text!r}: a number of threads, from 1")
    return int(text)


RESULT_VARIABLE = "ABSGD_AB_RESULT"
"""Where a training of `absgd-run --ab` writes what it has shown."""
ADDRESS_VARIABLES = ("ABSGD_ENDPOINT", "ABSGD_RUN")
