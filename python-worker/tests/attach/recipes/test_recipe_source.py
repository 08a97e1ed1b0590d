"""Recipes in a training loop: what they choose, how they go on, and what is recorded and said."""

from __future__ import annotations

import json
import math
import re

import pytest
import torch
from torch import nn

import absgd_worker as absgd
from absgd_worker import run
from absgd_worker.attach.recipes.recipe_source import RecipeSource
from absgd_worker.recipes import RecipeError, recipe_of
from absgd_worker.schedules import parse_schedule

STEPS = 520


class Loop:
    """A linear model of four classes, of whose labels a share is wrong."""

    def __init__(self, wrong: float) -> None:
        generator = torch.Generator().manual_seed(3)
        centers = 3 * torch.randn(4, 8, generator=generator)
        true = torch.randint(4, (512,), generator=generator)
        self.points = centers[true] + torch.randn(512, 8, generator=generator)
        is_wrong = torch.rand(512, generator=generator) < wrong
        self.labels = torch.where(is_wrong, (true + 1) % 4, true)
        torch.manual_seed(0)
        self.model = nn.Linear(8, 4)
        nn.init.zeros_(self.model.weight)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.02)
        self.lambdas: list[float] = []

    def train(self, steps: range) -> None:
        for step in steps:
            rows = torch.arange(step * 64, step * 64 + 64) * 7 % 512
            self.optimizer.zero_grad()
            losses = nn.functional.cross_entropy(
                self.model(self.points[rows]), self.labels[rows], reduction="none"
            )
            loss = absgd.weigh(losses)
            self.lambdas.append(absgd.control("lambda", math.nan))
            loss.backward()
            self.optimizer.step()


def trained(noise: float, **settings):
    loop = Loop(noise)
    with absgd.session(**settings) as session:
        loop.train(range(STEPS))
        source = session.source
    assert isinstance(source, RecipeSource)
    return loop, source


def test_lambda_is_off_until_it_is_chosen_and_then_annealed(capsys):
    loop, source = trained(0.3, recipe="wrong-labels", wrong=0.3)
    [edit] = source.edits.made
    assert edit.by == "recipe"
    assert loop.lambdas[: edit.step] == [math.inf] * edit.step
    assert loop.lambdas[edit.step] == edit.after < loop.lambdas[-1] < 0
    said = capsys.readouterr().err
    assert edit.why in said
    assert f"--lam '{source.edits.as_schedule()}'" in said
    [mark] = source.marks
    share = re.search(r"takes (\d+) % ± \d % of the weight away", mark)
    assert share is not None
    assert 25 <= int(share[1]) <= 35


def test_lambda_is_corrected_where_it_takes_more_weight_away_than_labels_are_wrong():
    loop, source = trained(0.3, recipe="wrong-labels", wrong=0.15)
    first, second = source.edits.made[:2]
    assert [first.by, second.by] == ["recipe", "recipe"]
    assert "of the weight away; by the losses since then" in second.why
    # The second edit takes lambda on from where the first has brought it, and away from there.
    assert loop.lambdas[second.step - 1] == loop.lambdas[second.step] > loop.lambdas[second.step + 1]


def test_an_unknown_share_is_estimated():
    source = trained(0.3, recipe="wrong-labels")[1]
    why = source.edits.made[0].why
    found = re.search(r"(\d+) % ± \d % of the samples have a loss above .*was (\d+) % of a batch", why)
    assert found is not None
    assert 15 <= int(found[1]) <= 30
    assert int(found[1]) + int(found[2]) == 100


def test_what_was_chosen_trains_the_same_bits_as_a_schedule(capsys):
    loop, source = trained(0.3, recipe="wrong-labels")
    again = Loop(0.3)
    with absgd.session(lam=source.edits.as_schedule()):
        again.train(range(STEPS))
    assert again.lambdas == loop.lambdas
    assert torch.equal(again.model.weight, loop.model.weight)


def test_without_wrong_labels_a_recipe_that_is_told_nothing_trains_as_without_it():
    loop, source = trained(0.0, recipe="wrong-labels")
    assert source.edits.made == []
    assert set(loop.lambdas) == {math.inf}
    [mark] = source.marks
    assert "no more than hard samples with right labels may be. Lambda stays off" in mark
    plain = Loop(0.0)
    with absgd.session():
        plain.train(range(STEPS))
    assert torch.equal(plain.model.weight, loop.model.weight)


def test_lambda_is_not_taken_closer_where_fewer_labels_are_wrong_than_was_said():
    loop, source = trained(0.0, recipe="wrong-labels", wrong=0.4)
    [edit] = source.edits.made
    assert edit.text is not None
    assert f"{loop.lambdas[-1]:g}, over=" in edit.text
    assert "takes 25 % ± 1 % of the weight away, over 64 steps" in source.marks[-1]


def test_the_recipe_off_measures_and_changes_nothing():
    loop, source = trained(0.3, recipe="off")
    plain = Loop(0.3)
    with absgd.session():
        plain.train(range(STEPS))
    assert torch.equal(plain.model.weight, loop.model.weight)
    assert source.edits.made == []
    assert "measured alone: lambda stays off" in source.marks[0]


def test_rare_groups_get_more_weight():
    loop, source = trained(0.1, recipe="rare-groups")
    assert source.edits.made[0].after > loop.lambdas[-1] > 0


@pytest.mark.parametrize("stop", [60, 230, 400])
def test_a_saved_state_goes_on_bit_for_bit(stop):
    whole, source = trained(0.3, recipe="wrong-labels")
    first = Loop(0.3)
    with absgd.session(recipe="wrong-labels") as session:
        first.train(range(stop))
        state = json.loads(json.dumps(session.state_dict()))
    with absgd.session(recipe="wrong-labels") as session:
        session.load_state_dict(state)
        first.train(range(stop, STEPS))
        again = session.source
    assert isinstance(again, RecipeSource)
    assert first.lambdas == whole.lambdas
    assert torch.equal(first.model.weight, whole.model.weight)
    assert again.edits.made == source.edits.made


def test_a_state_of_another_recipe_or_of_none_is_refused():
    with absgd.session(recipe="wrong-labels") as session:
        Loop(0.3).train(range(3))
        state = session.state_dict()
    with absgd.session(recipe="rare-groups") as other, pytest.raises(ValueError, match="use the same recipe"):
        other.load_state_dict(state)
    del state["recipe"]
    with absgd.session(recipe="wrong-labels") as other, pytest.raises(ValueError, match="without a recipe"):
        other.load_state_dict(state)


def test_the_guard_backs_lambda_off_where_training_collapses(capsys):
    source = RecipeSource(recipe_of("wrong-labels"))
    loop = Loop(0.3)
    with absgd.session(source=source):
        loop.train(range(1))
        source.edits.add(1, "recipe", "too soon", text="-0.01")
        loop.train(range(1, 100))
    backed_off = next(edit for edit in source.edits.made if edit.by == "guard")
    assert loop.lambdas[backed_off.step] == -0.01 * backed_off.factor == backed_off.after
    assert parse_schedule(source.edits.as_schedule())
    assert "training collapses" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"recipe": "clean"}, RecipeError, "there is no recipe 'clean'"),
        ({"recipe": "wrong-labels", "wrong": 0.7}, RecipeError, "must be above 0 and below 0.6"),
        ({"recipe": "wrong-labels", "lam": -2}, absgd.SessionError, "give one of them"),
    ],
)
def test_bad_settings_are_refused_where_they_are_given(settings, error, message):
    with pytest.raises(error, match=message):
        absgd.session(**settings).__enter__()


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import torch
from torch import nn
from test_recipe_source import Loop
loop = Loop(0.3)
for step in range({steps}):
    rows = torch.arange(step * 64, step * 64 + 64) * 7 % 512
    loop.optimizer.zero_grad()
    nn.functional.cross_entropy(loop.model(loop.points[rows]), loop.labels[rows]).backward()
    loop.optimizer.step()
"""


def test_absgd_run_says_first_what_it_will_do_and_last_what_happened(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ABSGD_RUNS", str(tmp_path / "runs"))
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(tests=str(__import__("pathlib").Path(__file__).parent), steps=STEPS))
    assert run.main(["--recipe", "wrong-labels", "--wrong", "0.3", "--name", "a", str(script)]) == 0
    said = [line.removeprefix("absgd: ") for line in capsys.readouterr().err.splitlines()]
    assert said[0].startswith(f"trains {script} as it stands, and measures its losses with lambda off")
    assert said[-1] == "to look at it: absgd watch a, absgd show a, absgd samples a"
    assert said[-2] == "the guard did not act"
    assert re.fullmatch(r"lambda was -\S+ at the end; .* it took \d+ % of the weight away", said[-3])
    assert any(re.match(r"recipe wrong-labels: lambda \S+ takes \d+ % ±", line) for line in said)


def test_a_training_that_ends_too_soon_is_said(tmp_path, capsys):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(tests=str(__import__("pathlib").Path(__file__).parent), steps=40))
    assert run.main(["--recipe", "wrong-labels", str(script)]) == 0
    assert "the recipe left lambda off in all of 40 steps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--recipe", "wrong-labels", "--lam", "-2"], "--lam and --recipe both set lambda"),
        (["--wrong", "0.2"], "belong to a recipe"),
        (["--recipe", "wrong-labels", "--wrong", "0.9"], "must be above 0 and below 0.6"),
        (["--recipe", "rare-groups", "--wrong", "0.2"], "no part of the recipe rare-groups"),
        (["--recipe", "wrong-labels", "--steps", "100"], "at least 256"),
    ],
)
def test_bad_options_are_refused_before_training(tmp_path, capsys, options, message):
    script = tmp_path / "train.py"
    script.write_text("raise AssertionError('it must not run')")
    assert run.main([*options, str(script)]) == 2
    assert message in capsys.readouterr().err
