"""The scripts of examples/frameworks train, are weighed, and do better for it where they say so."""

from __future__ import annotations

import re
import runpy
import sys

import pytest

from absgd_worker.attach import api
from project import EXAMPLES as ALL_EXAMPLES

EXAMPLES = ALL_EXAMPLES / "frameworks"
FRAMEWORKS = {
    "accelerate_loop.py": "accelerate",
    "hugging_face_digits.py": "transformers",
    "language_model.py": "transformers",
    "lightning_digits.py": "lightning",
}


@pytest.mark.parametrize(
    ("command", "steps", "captured"),
    [
        ("plain_loop.py --epochs 2", 76, 76),
        ("timm_losses.py --epochs 1 --loss smoothing", 38, 38),
        ("timm_losses.py --epochs 1 --loss soft-targets", 38, 38),
        ("timm_losses.py --epochs 1 --loss bce", 38, 38),
        ("accelerate_loop.py --epochs 1", 38, 75),
        ("lightning_digits.py --epochs 1", 38, 38),
        ("hugging_face_digits.py --epochs 1", 38, 38),
        ("language_model.py --steps 8", 8, 16),
    ],
)
def test_an_example_trains_and_every_loss_of_it_is_weighed(
    command: str,
    steps: int,
    captured: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script, *arguments = command.split()
    pytest.importorskip("sklearn")
    if script in FRAMEWORKS:
        framework = pytest.importorskip(FRAMEWORKS[script])
        if script == "accelerate_loop.py":
            framework.state.AcceleratorState._reset_state(reset_partial_state=True)
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    monkeypatch.syspath_prepend(str(EXAMPLES))
    sessions: list[api.Session] = []
    begin = api.Session.open

    def opened(session: api.Session) -> None:
        sessions.append(session)
        begin(session)

    monkeypatch.setattr(api.Session, "open", opened)
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    assert [(session.step, session.captured) for session in sessions] == [(steps, captured)]
    (figure,) = re.findall(
        r"^(?:test accuracy|loss on clean text) (\d\.\d{3})", capsys.readouterr().out, re.MULTILINE
    )
    assert 0 < float(figure) < 5


def test_wrong_labels_are_not_learnt_where_lambda_is_below_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the first epochs in which a network begins to learn them."""
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    accuracies, learnt = [], []
    for lam in ("inf", "-1"):
        monkeypatch.setattr(sys, "argv", ["plain_loop.py", "--epochs", "13", "--lam", lam])
        script = runpy.run_path(str(EXAMPLES / "plain_loop.py"), run_name="__main__")
        accuracies.append(float(capsys.readouterr().out.split()[-1]))
        images, labels = script["train"].tensors
        _, true_labels = script["noisy_digits"](wrong=0)[0].tensors
        is_learnt = script["model"](images).argmax(1) == labels
        learnt.append(is_learnt[labels != true_labels].float().mean().item())
    assert accuracies[1] > accuracies[0] + 0.03
    assert learnt[1] < 0.6 * learnt[0]
