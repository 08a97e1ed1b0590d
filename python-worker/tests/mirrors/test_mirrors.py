"""Mirrors: what lines say, what is passed on once, and what the tools have when they are asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from absgd_worker.mirrors.__main__ import main
from absgd_worker.mirrors.events import Attempt, End, Numbers, Start, Text, event_of
from absgd_worker.mirrors.mirror import Mirror
from project import ROOT

MANIFEST = {"run": "a-1", "experiment": "a", "createdAt": "2026-01-01T00:00:00Z", "params": {"lr": 0.1}}


def line(kind: str, step: int = 0, second: float = 0.0, **more: object) -> str:
    time = f"2026-01-01T00:00:{second:06.3f}Z"
    return json.dumps({"type": kind, "attempt": 1, "step": step, "time": time, **more})


def report(step: int, second: float, loss: object = 1.0, lam: object = -2) -> str:
    return line("report", step, second, controls={"lambda": lam}, metrics={"train.loss": loss})


def edit(step: int) -> str:
    to = {"kind": "schedule", "text": "-2"}
    return line("edit", step, 3, by="ann", control="lambda", to=to, before="Infinity", after=-2)


LINES = [
    line("start", manifest=MANIFEST),
    line("worker", state="joined"),
    line("phase", phase="training"),
    report(9, 0.5, 3.0, "Infinity"),
    report(19, 1.0, 2.5),
    line("evaluation", 19, 1.1, split="val", metrics={"val.accuracy": 0.5, "val.loss": "NaN"}),
    report(29, 2.5, 2.0),
    edit(30),
    line("evaluation", 39, 4.0, split="val", metrics={"val.accuracy": 0.75}),
]
END = line("end", 40, 5.0, status="completed", final={"val.accuracy": 0.75})


class Remembering:
    """A target that remembers what it was given."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.given: list[Any] = []
        self.fails_at = fails_at

    def open(self, manifest, known):
        self.given.append(("open", manifest["run"], known.get("id")))
        return {"id": "x1", "url": "https://example.org/x1"}

    def attempt(self, number, step):
        self.given.append(("attempt", number, step))

    def numbers(self, numbers):
        if numbers.step == self.fails_at:
            raise RuntimeError("the network is away")
        self.given.append((numbers.step, numbers.values))

    def text(self, text):
        self.given.append((text.step, text.text))

    def close(self, status, final):
        self.given.append(("close", status, final))


def test_lines_are_numbers_texts_and_ends():
    assert event_of(LINES[0]) == Start(MANIFEST)
    assert event_of(LINES[1]) == Attempt(1, 0)
    assert event_of(LINES[2]) is None
    found = event_of(LINES[3])
    assert isinstance(found, Numbers)
    # A lambda that is off is infinite, and no number that a chart shows.
    assert found.values == {"train/loss": 3.0}
    evaluated, edited = event_of(LINES[5]), event_of(edit(30))
    assert isinstance(evaluated, Numbers)
    assert evaluated.values == {"val/accuracy": 0.5}
    assert isinstance(edited, Text)
    assert edited[:2] == (30, "step 30: lambda = -2 (off to -2), by ann")
    assert event_of(END) == End("completed", {"val/accuracy": 0.75})


def test_all_is_passed_on_once_and_the_same_run_is_gone_on_with(tmp_path):
    first = Remembering()
    assert Mirror(tmp_path, {"tensorboard": first}).follow(LINES[:6]) == 0
    assert first.given == [
        ("open", "a-1", None),
        ("attempt", 1, 0),
        (9, {"train/loss": 3.0}),
        (19, {"train/loss": 2.5, "control/lambda": -2.0}),
        (19, {"val/accuracy": 0.5}),
        ("close", "", {}),
    ]
    second = Remembering()
    assert Mirror(tmp_path, {"tensorboard": second}).follow([*LINES, END]) == 0
    assert second.given[0] == ("open", "a-1", "x1")
    assert [entry[0] for entry in second.given[1:]] == [29, 30, 39, "close"]
    third = Remembering()
    assert Mirror(tmp_path, {"tensorboard": third}).follow([*LINES, END]) == 0
    assert third.given == []
    assert (
        json.loads((tmp_path / "mirrors.json").read_text())["tensorboard"]["url"] == "https://example.org/x1"
    )


def test_tools_that_are_sent_messages_get_one_report_a_second_and_the_last(tmp_path):
    target = Remembering()
    lines = [LINES[0], LINES[1], *(report(step, step / 10) for step in range(25))]
    Mirror(tmp_path, {"wandb": target}).follow(lines)
    assert [entry[0] for entry in target.given if isinstance(entry[0], int)] == [0, 9, 10, 19, 20, 24]


def test_a_tool_that_fails_is_left_out_and_the_others_go_on(tmp_path, capsys):
    broken, sound = Remembering(fails_at=19), Remembering()
    assert Mirror(tmp_path, {"tensorboard": broken, "wandb": sound}).follow([*LINES, END]) == 1
    assert sound.given[-1] == ("close", "completed", {"val/accuracy": 0.75})
    assert (
        "tensorboard fails, and is left out from here on: RuntimeError: the network"
        in capsys.readouterr().err
    )
    # The next mirror begins with what was not passed on.
    again = Remembering()
    Mirror(tmp_path, {"tensorboard": again}).follow([*LINES, END])
    assert again.given[1] == (19, {"train/loss": 2.5, "control/lambda": -2.0})


def test_a_package_that_is_missing_is_named_before_anything_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("absgd_worker.mirrors.target.find_spec", lambda name: None)
    assert main(["--to", "wandb", "--folder", str(tmp_path)]) == 2
    assert "the mirror wandb needs the package wandb" in capsys.readouterr().err
    assert main(["--to", "comet", "--folder", str(tmp_path), "--check"]) == 2
    assert "there is no mirror 'comet': use one of tensorboard, wandb, mlflow" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def mirrored(tmp_path: Path, name: str, lines: list[str], **environment: str) -> None:
    source = str(ROOT / "python-worker" / "src")
    subprocess.run(
        [sys.executable, "-m", "absgd_worker.mirrors", "--to", name, "--folder", str(tmp_path)],
        input="\n".join(lines),
        text=True,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": source, **environment},
    )


def test_tensorboard_reads_back_what_was_written(tmp_path):
    pytest.importorskip("tensorboard")
    mirrored(tmp_path, "tensorboard", LINES[:6])
    rejoined = json.dumps({**json.loads(LINES[1]), "attempt": 2, "step": 15})
    mirrored(tmp_path, "tensorboard", [*LINES[:6], rejoined, report(19, 3.0, 2.4), edit(30), END])
    check = """
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
read = EventAccumulator(sys.argv[1], size_guidance={"tensors": 0}); read.Reload()
print([(each.step, round(each.value, 3)) for each in read.Scalars("train/loss")])
print([each.tensor_proto.string_val for each in read.Tensors("ledger")])
"""
    told = subprocess.run(
        [sys.executable, "-c", check, str(tmp_path / "tensorboard")],
        text=True,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    # The second attempt begins at step 15: step 19 of the first is dropped.
    assert told.splitlines() == ["[(9, 3.0), (19, 2.4)]", "[[b'step 30: lambda = -2 (off to -2), by ann']]"]


def test_wandb_has_the_numbers_offline_and_goes_on_with_the_same_run(tmp_path):
    pytest.importorskip("wandb")
    mirrored(tmp_path, "wandb", LINES[:6], WANDB_MODE="offline")
    mirrored(tmp_path, "wandb", [*LINES, END], WANDB_MODE="offline")
    known = json.loads((tmp_path / "mirrors.json").read_text())["wandb"]
    runs = [path for path in (tmp_path / "wandb").iterdir() if path.name.startswith("offline-run-")]
    assert {path.name.rsplit("-", 1)[1] for path in runs} == {known["id"]}
    assert (tmp_path / known["folder"]) in runs


def test_mlflow_has_the_numbers_of_one_run(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    store = {"MLFLOW_TRACKING_URI": (tmp_path / "ml").as_uri(), "MLFLOW_ALLOW_FILE_STORE": "true"}
    mirrored(tmp_path, "mlflow", LINES[:6], **store)
    mirrored(tmp_path, "mlflow", [*LINES, END], **store)
    known = json.loads((tmp_path / "mirrors.json").read_text())["mlflow"]
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    client = mlflow.MlflowClient(tracking_uri=store["MLFLOW_TRACKING_URI"])
    assert len(client.search_runs([known["experiment"]])) == 1
    assert [(each.step, each.value) for each in client.get_metric_history(known["id"], "val/accuracy")] == [
        (19, 0.5),
        (39, 0.75),
    ]
    assert client.get_run(known["id"]).info.status == "FINISHED"
