"""A mirror in MLflow, where MLFLOW_TRACKING_URI says, else in MLflow's own default."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from absgd_worker.mirrors.events import Numbers, Text


class MlflowTarget:
    """One run of MLflow for the whole run, over all attempts, in the experiment of its name."""

    def __init__(self, project: str | None) -> None:
        self._project = project
        self._client: Any = None
        self._run_id = ""
        self._edits: list[str] = []

    def open(self, manifest: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        mlflow: Any = import_module("mlflow")

        self._client = mlflow.MlflowClient()
        tracking = mlflow.get_tracking_uri()
        if known.get("tracking") == tracking:
            self._run_id, experiment_id = known["id"], known["experiment"]
            self._client.update_run(self._run_id, status="RUNNING")
        else:
            name = self._project or manifest.get("experiment") or "absgd"
            found = self._client.get_experiment_by_name(name)
            experiment_id = self._client.create_experiment(name) if found is None else found.experiment_id
            run = self._client.create_run(experiment_id, run_name=manifest.get("run"))
            self._run_id = run.info.run_id
            for key, value in (manifest.get("params") or {}).items():
                self._client.log_param(self._run_id, key, value)
            if manifest.get("arm"):
                self._client.set_tag(self._run_id, "arm", manifest["arm"])
        where = {"id": self._run_id, "experiment": experiment_id, "tracking": tracking}
        if tracking.startswith("http"):
            return {
                **where,
                "url": f"{tracking.rstrip('/')}/#/experiments/{experiment_id}/runs/{self._run_id}",
            }
        return {**where, "folder": tracking}

    def attempt(self, number: int, step: int) -> None:
        self._client.log_metric(self._run_id, "attempt", number, step=step)

    def numbers(self, numbers: Numbers) -> None:
        entities: Any = import_module("mlflow.entities")

        at = int(1000 * numbers.seconds)
        metrics = [entities.Metric(name, value, at, numbers.step) for name, value in numbers.values.items()]
        self._client.log_batch(self._run_id, metrics=metrics)

    def text(self, text: Text) -> None:
        self._edits.append(text.text)
        # A tag holds 5,000 characters.
        self._client.set_tag(self._run_id, "ledger", "\n".join(self._edits)[-4000:])

    def close(self, status: str, final: dict[str, float]) -> None:
        del final
        if status:
            self._client.set_terminated(
                self._run_id, "FAILED" if status in {"failed", "lost"} else "FINISHED"
            )
