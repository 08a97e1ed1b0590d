"""Unmodified scripts of frameworks: nothing changes while lambda is off, and all losses are captured."""

from __future__ import annotations

import sys

import pytest

from absgd_worker import run
from plain_script import as_it_is
from project import SCRIPTS

FRAMEWORKS = {
    "hf_classification.py": "transformers",
    "hf_causal_lm.py": "transformers",
    "lightning_module.py": "lightning",
    "accelerate_loop.py": "accelerate",
}


@pytest.mark.parametrize(
    ("command", "captured", "said"),
    [
        ("hf_classification.py 2", (16, 8), "cross_entropy mean [B=8]"),
        ("hf_causal_lm.py 1", (7, 7), "cross_entropy sum [4 sequences of 20]"),
        ("hf_causal_lm.py 3 --local", (21, 7), "[4 sequences of 20]"),
        ("lightning_module.py 1", (16, 16), "cross_entropy mean [B=16]"),
        ("lightning_module.py 3", (16, 6), "cross_entropy mean [B=16]"),
        ("accelerate_loop.py 1", (24, 24), "cross_entropy mean [B=8]"),
        ("accelerate_loop.py 5 --bfloat16", (24, 6), "cross_entropy mean [B=8]"),
    ],
)
def test_a_script_is_bit_identical_while_lambda_is_off_and_not_otherwise(
    command: str,
    captured: tuple[int, int],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script, *arguments = command.split()
    framework = pytest.importorskip(FRAMEWORKS[script])
    if script == "accelerate_loop.py":
        # It holds on to the settings of the process's first.
        framework.state.AcceleratorState._reset_state(reset_partial_state=True)
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.syspath_prepend("")
    as_it_is(script, *arguments)
    plain = capsys.readouterr().out
    assert "end " in plain

    for lam in ("off", "-1"):
        assert run.main(["--lam", lam, str(SCRIPTS / script), *arguments]) == 0
        out, err = capsys.readouterr()
        assert (out == plain) is (lam == "off")
        assert said in err
        losses, steps = captured
        assert f"absgd: {losses} losses captured in {steps} steps" in err
