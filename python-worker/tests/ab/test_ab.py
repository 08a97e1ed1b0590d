"""`absgd-run --ab`: trainings in pairs, what they have shown, and what is wrong with a command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from absgd_worker import run
from absgd_worker.ab.children import run_all
from absgd_worker.ab.command_line import ab_options, joined_values
from absgd_worker.ab.errors import AbError
from absgd_worker.ab.trainings import Training, ignores_seed, metric_of, read_result, trainings_of
from absgd_worker.attach.script.options import command_line
from project import ROOT

COMMAND = ["--ab", "--recipe", "wrong-labels", "--wrong", "0.2", "--seeds", "2", "--seed-arg", "--seed"]


def options_of(arguments):
    joined = joined_values(arguments)
    return ab_options(joined, command_line().parse_args(joined))


def test_each_arm_has_its_options_and_each_seed_its_argument(tmp_path):
    asked = options_of(
        [*COMMAND, "--metric", "val.accuracy", "--accumulate", "2", "train.py", "--lam", "3", "--seeds", "9"]
    )
    assert asked.treated == ("--recipe", "wrong-labels", "--wrong", "0.2", "--accumulate", "2")
    assert asked.plain == ("--accumulate", "2")
    assert asked.script == ("train.py", "--lam", "3", "--seeds", "9")
    trainings = trainings_of(asked, tmp_path)
    assert [one.name for one in trainings] == [
        f"ab.{arm}.seed{seed}" for seed in (1, 2) for arm in ("off", "lambda")
    ]
    assert trainings[1].command[1:5] == ("-m", "absgd_worker.run", "--name", "ab.lambda.seed1")
    assert trainings[1].command[-6:] == ("--lam", "3", "--seeds", "9", "--seed", "1")


@pytest.mark.parametrize(
    ("seed", "script", "environment"),
    [(["--seed-arg", "seed="], ["seed=1"], {}), (["--seed-env", "SEED"], [], {"SEED": "1"})],
)
def test_a_seed_is_given_as_the_script_takes_it(tmp_path, seed, script, environment):
    asked = options_of(["--ab", "--lam", "-1e-1", *seed, "--metric", "a", "-m", "package.train"])
    training = trainings_of(asked, tmp_path)[1]
    assert training.command[5:] == ("--lam", "-1e-1", "-m", "package.train", *script)
    assert training.environment == environment


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ab", "--seed-arg", "--seed", "--metric", "a"], "add --recipe wrong-labels, --lam or --plan"),
        (["--ab", "--lam", "-2", "--metric", "a"], "add --seed-arg --seed"),
        ([*COMMAND], "give --metric NAME or --metric-regex REGEX"),
        ([*COMMAND, "--metric", "a", "--metric-regex", "(b)"], "one of them"),
        ([*COMMAND, "--metric-regex", "acc=[0-9"], "is no regular expression"),
        ([*COMMAND, "--metric-regex", "acc="], "has 0 groups, must have one"),
        ([*COMMAND, "--metric", "a", "--seeds", "0"], "--seeds is 0, must be a whole number from 1"),
        ([*COMMAND, "--metric", "a", "--matters", "-1"], "--matters is -1, must be above 0"),
    ],
)
def test_what_is_missing_or_wrong_is_said_before_anything_is_trained(tmp_path, capsys, arguments, message):
    assert run.main([*arguments, str(tmp_path / "train.py")]) == 2
    assert message in capsys.readouterr().err


def training(folder: Path, code: str, seed: int = 1) -> Training:
    return Training("off", seed, f"a.seed{seed}", (sys.executable, "-c", code), {}, folder)


def test_trainings_run_some_at_a_time_and_each_is_told_as_it_ends(tmp_path):
    codes = [training(tmp_path, f"raise SystemExit({number})", number) for number in range(4)]
    assert sorted((one.seed, code) for one, code in run_all(codes, 2)) == [(n, n) for n in range(4)]


def test_trainings_end_where_the_comparison_is_left(tmp_path):
    endless = training(tmp_path, "import time\nprint(1, flush=True)\ntime.sleep(1000)", 2)
    for _ in run_all([training(tmp_path, "", 1), endless], 2):
        break
    assert subprocess.run(["pgrep", "-f", str(tmp_path)], stdout=subprocess.PIPE, check=False).stdout == b""


def test_a_metric_is_the_last_value_of_its_name(tmp_path):
    asked = options_of([*COMMAND, "--metric", "val.accuracy", "train.py"])
    result = {"metrics": {"val.accuracy": [0.1, 0.9], "loss": [1.0]}}
    assert metric_of(asked, training(tmp_path, ""), result) == 0.9
    with pytest.raises(AbError, match=r"no metric val.accuracy in a.seed1: seen were loss\. Report it"):
        metric_of(asked, training(tmp_path, ""), {"metrics": {"loss": [1.0]}})


def test_a_metric_is_the_last_match_in_the_output(tmp_path):
    asked = options_of([*COMMAND, "--metric-regex", "acc=([0-9.]+)", "train.py"])
    one = training(tmp_path, "")
    one.output.write_text("acc=0.5\nacc=0.75\n")
    assert metric_of(asked, one, {}) == 0.75
    one.output.write_text("nothing")
    with pytest.raises(AbError, match="matches nothing in"):
        metric_of(asked, one, {})


def test_seeds_with_the_same_losses_are_known():
    assert ignores_seed([{"losses": "a"}, {"losses": "a"}])
    assert not ignores_seed([{"losses": "a"}, {"losses": "b"}])
    assert not ignores_seed([{"losses": ""}, {"losses": ""}])


SCRIPT = """
import argparse, torch
from torch import nn
import absgd_worker as absgd
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int)
torch.manual_seed({seed})
torch.set_num_threads(1)
centers = 3 * torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
true = torch.randint(4, (400,)); points = centers[true] + torch.randn(400, 8)
labels = torch.where(torch.rand(400) < 0.3, (true + 1) % 4, true)
model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(300):
    rows = torch.randint(300, (32,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(points[rows]), labels[rows]).backward()
    optimizer.step()
model.eval()
with torch.no_grad():
    accuracy = (model(points[300:]).argmax(1) == true[300:]).float().mean().item()
absgd.evaluated("val", accuracy=accuracy)
print("acc=%g" % accuracy)
"""


def compare(tmp_path: Path, script: Path, *more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ABSGD_RUNS": str(tmp_path / "runs"), "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(ROOT / "python-worker" / "src")
    command = [
        sys.executable,
        "-m",
        "absgd_worker.run",
        "--ab",
        "--lam",
        "join(off.for(60), -0.7)",
        "--jobs",
        "2",
    ]
    return subprocess.run(
        [*command, "--seeds", "2", "--seed-arg", "--seed", *more, str(script)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_script_is_compared_and_a_second_call_trains_nothing_again(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(seed="parser.parse_args().seed"))
    done = compare(tmp_path, script, "--metric", "val.accuracy")
    assert done.returncode == 0, done.stderr
    assert "lambda cannot tell yet: 1 more seed at least" in done.stdout
    folder = next((tmp_path / "runs" / "ab.ab").iterdir())
    results = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    assert [result["steps"] for result in results] == [300] * 4
    assert len({result["losses"] for result in results}) == 4
    assert {"ab.off.seed1", "ab.lambda.seed2"} <= {path.name for path in (tmp_path / "runs").iterdir()}
    again = compare(tmp_path, script, "--metric-regex", "acc=([0-9.]+)")
    assert "4 of 4 were trained before" in again.stderr
    assert again.returncode == 0, again.stderr


def test_a_script_that_ignores_the_seed_is_said_and_one_that_fails_is_shown(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(seed="0"))
    done = compare(tmp_path, script, "--metric", "val.accuracy")
    assert "the script ignores the seed" in done.stdout
    assert "95 % interval" not in done.stdout
    script.write_text("import sys\nprint('about to fail')\nsys.exit(3)")
    failed = compare(tmp_path, script, "--metric", "val.accuracy")
    assert failed.returncode == 1
    assert "ab.off.seed1 failed with exit code 3" in failed.stderr
    assert "about to fail" in failed.stderr


def test_a_result_that_is_not_whole_is_none(tmp_path):
    one = training(tmp_path, "")
    for text in ("", "[]", '{"exit": 1}'):
        one.result.write_text(text)
        assert read_result(one) is None
