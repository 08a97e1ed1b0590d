"""A first look at training scripts: what they do, what they take, and the lines they would need."""

from __future__ import annotations

import ast
import json
import re

import pytest

from absgd_worker.first_look.__main__ import main
from absgd_worker.first_look.look import LookError, look

LOOP = """\"\"\"Trains.\"\"\"
import argparse
import torch
from torch import nn
from tqdm import tqdm

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--lr", "-l", type=float, default=1)
parser.add_argument("--optimizer", default="sgd", choices=["sgd", "adam"])
parser.add_argument("--no-aug", action="store_true")
parser.add_argument("--workers", type=int, default=2 * 2)
parser.add_argument("--name", required=True)
args = parser.parse_args()
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
for epoch in range(10):
    for i, (x, y) in enumerate(tqdm(train_loader)):
        loss = criterion(model(x), y)
        loss.backward()
    for x, y in val_loader:
        correct += (model(x).argmax(1) == y).sum()
"""


def added(found) -> list[str]:
    return [line[1:] for line in found["diff"].splitlines() if line.startswith("+") and line[:3] != "+++"]


def test_a_loop_needs_its_loader_tracked_and_nothing_else():
    found = look(LOOP, "train.py")
    assert found["kind"] == "loop"
    assert found["losses"] == [{"line": 16, "name": "nn.CrossEntropyLoss", "captured": True}]
    assert added(found) == [
        "import absgd_worker as absgd",
        "    for i, (x, y) in enumerate(tqdm(absgd.track(train_loader))):",
    ]
    ast.parse(found["changed"])


def test_arguments_with_a_known_default_are_parameters():
    found = look(LOOP, "train.py")
    assert [(one["flag"], one["name"], one["kind"], one["default"]) for one in found["arguments"]] == [
        ("--seed", "seed", "int", 0),
        ("--lr", "lr", "float", 1),
        ("--optimizer", "optimizer", "str", "sgd"),
        ("--no-aug", "no_aug", "flag", False),
        ("--name", "name", "str", None),
    ]
    assert found["arguments"][2]["choices"] == ["sgd", "adam"]
    assert found["left_out"] == ["data", "--workers"]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            "Trainer(model, arguments)",
            'Trainer(model, arguments, callbacks=[AbsgdCallback(recipe="wrong-labels")])',
        ),
        ("Trainer(m, callbacks=[a])", 'Trainer(m, callbacks=[AbsgdCallback(recipe="wrong-labels"), a])'),
        ("Trainer(m, callbacks=[])", 'Trainer(m, callbacks=[AbsgdCallback(recipe="wrong-labels")])'),
        (
            "SFTTrainer(\n    model=m,\n    args=a,\n)",
            'SFTTrainer(model=m, args=a, callbacks=[AbsgdCallback(recipe="wrong-labels")])',
        ),
    ],
)
def test_a_trainer_gets_a_callback(call, expected):
    text = f"from transformers import Trainer\nimport trl\ntrainer = {call}\ntrainer.train()\n"
    found = look(text, "train.py")
    assert found["kind"] == "hugging-face"
    tree = ast.parse(found["changed"])
    assert "absgd_worker.integrations.hugging_face" in ast.unparse(tree.body[2])
    assert ast.unparse(tree.body[3]) == f"trainer = {ast.unparse(ast.parse(expected))}"


def test_lightning_has_a_callback_of_its_own():
    found = look("import lightning as L\nL.Trainer(max_epochs=3).fit(model)\n", "train.py", "rare-groups")
    assert found["kind"] == "lightning"
    assert added(found) == [
        "from absgd_worker.integrations.lightning import AbsgdCallback",
        'L.Trainer(max_epochs=3, callbacks=[AbsgdCallback(recipe="rare-groups")]).fit(model)',
    ]


@pytest.mark.parametrize(
    ("statement", "line", "number"),
    [
        ('print(f"epoch {e} loss {l:.3f} val acc {a:.4f}")', "epoch 9 loss 0.1 val acc 0.9750", "0.9750"),
        ('print("test accuracy: %g, loss %g" % (a, l))', "test accuracy: 0.5, loss 3", "0.5"),
        ('print("Accuracy", a)', "Accuracy 0.25", "0.25"),
        ('print(f"top1_acc={a}")', "top1_acc=71.5", "71.5"),
        ('print(f"according to {a}"); print(f"loss {l}")', "", None),
        ('print(f"it\'s acc {a}")', "it's acc 0.5", "0.5"),
    ],
)
def test_the_accuracy_that_a_script_prints_is_matched(statement, line, number):
    regex = look(f"loss.backward()\n{statement}\n", "train.py")["metric_regex"]
    if number is None:
        assert regex is None
        return
    assert regex is not None
    assert re.findall(regex, line) == [number]


def test_other_letters_and_other_ends_of_lines_stay():
    text = "import torch\r\nfor ä, ö in größe: loss(ä, 'ü').backward()\r\n"
    found = look(text, "train.py")
    assert found["changed"] == (
        "import torch\r\nimport absgd_worker as absgd\r\n"
        "for ä, ö in absgd.track(größe): loss(ä, 'ü').backward()\r\n"
    )


def test_a_script_that_uses_absgd_is_not_changed():
    text = "import absgd_worker as absgd\nfor x in loader: f(x).backward()\n"
    found = look(text, "train.py")
    assert found["has_absgd"]
    assert (found["changed"], found["diff"]) == (text, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("print(1)", "nothing in it trains"),
        ("def f(:", "line 1: no Python that Python 3"),
        ("", "nothing in it trains"),
    ],
)
def test_what_is_no_training_script_is_said(text, message):
    with pytest.raises(LookError, match=message):
        look(text, "train.py")


def test_the_program_prints_one_object_or_a_message(tmp_path, capsys):
    script = tmp_path / "train.py"
    script.write_text(LOOP)
    assert main([str(script)]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "loop"
    assert main([str(tmp_path / "none.py")]) == 2
    assert "No such file" in capsys.readouterr().err
