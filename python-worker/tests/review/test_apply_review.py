"""The corrected data set of a review. Shapes: N samples of the data set, K of them are kept."""

from __future__ import annotations

import hashlib
import pickle
import random
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

import absgd_worker

N = 12
LABELS = [i % 3 for i in range(N)]
HEADER = "id,index,label,predicted,probability,action,rank,run,samples,drawn,row_code"


def review(path: Path, actions: dict[int, str], *, samples: str = str(N), **changes: Any) -> Path:
    """A review with these actions by index; `changes` are other cells of all rows."""
    rows = []
    for index, action in actions.items():
        label = changes.get("label", LABELS[index % N])
        name = changes.get("name", f"img/{index}.png")
        rows.append(f"{name},{index},{label},,0.25,{action},1,digits-1,{samples},2 suspects,abcdefghijkl")
    file = path / "review.csv"
    file.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return file


def tensors() -> TensorDataset:
    return TensorDataset(torch.arange(N, dtype=torch.float32)[:, None], torch.tensor(LABELS))


ACTIONS = {1: "drop", 4: "relabel:2", 5: "keep", 7: "", 11: "drop"}
KEPT = [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_dropped_samples_are_not_yielded_and_others_keep_their_numbers(tmp_path: Path) -> None:
    corrected = absgd_worker.apply_review(tensors(), review(tmp_path, ACTIONS))
    assert len(corrected) == len(KEPT)
    assert corrected.numbers.tolist() == KEPT
    assert [int(x) for x, _ in corrected] == KEPT
    assert [int(y) for _, y in corrected] == [2 if i == 4 else LABELS[i] for i in KEPT]
    assert (corrected.dropped, corrected.relabelled) == (2, 1)
    assert corrected.digest == hashlib.sha256(b"1 drop\n4 relabel:2\n11 drop\n").hexdigest()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_tracked_loader_reports_the_numbers_of_the_whole_data_set(tmp_path: Path, workers: int) -> None:
    corrected = absgd_worker.apply_review(tensors(), review(tmp_path, ACTIONS))
    loader = absgd_worker.track(DataLoader(corrected, batch_size=4, shuffle=True, num_workers=workers))
    seen = []
    for x, y in loader:
        assert loader.indices is not None
        assert loader.indices.tolist() == x[:, 0].long().tolist()
        assert y.tolist() == [2 if i == 4 else LABELS[i] for i in loader.indices.tolist()]
        seen += loader.indices.tolist()
    assert sorted(seen) == KEPT


Pair = namedtuple("Pair", "x y")


class Named(Dataset[Any]):
    """Samples of any structure; draws random numbers as an augmentation does."""

    classes = ("a", "b", "c")

    def __init__(self, make: Any) -> None:
        self.make = make

    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> Any:
        random.random()
        torch.rand(1)
        return self.make(float(index), LABELS[index])


@pytest.mark.parametrize(
    ("make", "label", "read"),
    [
        (lambda x, y: (x, y), None, lambda sample: sample[1]),
        (lambda x, y: [x, y], None, lambda sample: sample[1]),
        (Pair, None, lambda sample: sample.y),
        (lambda x, y: {"x": x, "label": y}, None, lambda sample: sample["label"]),
        (lambda x, y: {"x": x, "labels": torch.tensor(y)}, None, lambda sample: sample["labels"]),
        (lambda x, y: {"x": x, "class": y}, "class", lambda sample: sample["class"]),
        (lambda x, y: (y, x, x), 0, lambda sample: sample[0]),
        (lambda x, y: (x, x, y), -1, lambda sample: sample[2]),
        (
            lambda x, y: f"{x}:{y}",
            (lambda text: int(text.split(":")[1]), lambda text, label: f"{text.split(':')[0]}:{label}"),
            lambda sample: int(sample.split(":")[1]),
        ),
    ],
)
def test_samples_of_many_structures_are_relabelled(tmp_path: Path, make: Any, label: Any, read: Any) -> None:
    data = Named(make)
    corrected = absgd_worker.apply_review(data, review(tmp_path, ACTIONS), label=label)
    assert [int(read(corrected[row])) for row in range(len(corrected))] == [
        2 if i == 4 else LABELS[i] for i in KEPT
    ]
    assert type(corrected[3]) is type(data[4])
    assert type(read(corrected[3])) is type(read(data[4]))
    assert int(read(data[4])) == LABELS[4], "the data set itself is as before"


def test_no_random_number_is_drawn(tmp_path: Path) -> None:
    random.seed(1)
    torch.manual_seed(1)
    before = random.getstate(), torch.get_rng_state()
    absgd_worker.apply_review(Named(lambda x, y: (x, y)), review(tmp_path, ACTIONS))
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


@pytest.mark.parametrize("columns", [lambda x, y: (x, y), lambda x, y: {"x": x, "label": y}])
def test_tensors_are_a_data_set_of_their_rows(tmp_path: Path, columns: Any) -> None:
    x, y = tensors().tensors
    corrected = absgd_worker.apply_review(columns(x, y), review(tmp_path, ACTIONS))
    batch = next(iter(DataLoader(corrected, batch_size=len(corrected))))
    found = batch["label"] if isinstance(batch, dict) else batch[1]
    assert found.tolist() == [2 if i == 4 else LABELS[i] for i in KEPT]


def test_of_a_subset_the_numbers_are_those_of_the_whole(tmp_path: Path) -> None:
    part = Subset(Subset(tensors(), list(range(N - 1, -1, -1))), [0, 1, 7, 8])  # numbers 11, 10, 4, 3
    corrected = absgd_worker.apply_review(part, review(tmp_path, ACTIONS))
    assert corrected.numbers.tolist() == [10, 4, 3]
    assert [int(y) for _, y in corrected] == [LABELS[10], 2, LABELS[3]]


def test_a_second_review_corrects_what_the_first_one_gave(tmp_path: Path) -> None:
    first = absgd_worker.apply_review(tensors(), review(tmp_path, ACTIONS))
    file = review(tmp_path, {4: "relabel:0"}, label=2)
    second = absgd_worker.apply_review(first, file)
    assert second.numbers.tolist() == KEPT
    assert int(second[3][1]) == 0
    with pytest.raises(absgd_worker.ReviewError, match="sample 4 has the label 1"):
        absgd_worker.apply_review(tensors(), file)


def test_targets_labels_and_names_are_those_of_the_kept_samples(tmp_path: Path) -> None:
    data: Any = tensors()
    data.targets = list(LABELS)
    data.classes = ["a", "b", "c"]
    corrected = absgd_worker.apply_review(data, review(tmp_path, ACTIONS))
    expected = [2 if i == 4 else LABELS[i] for i in KEPT]
    assert corrected.targets == expected
    assert corrected.correct_labels(torch.tensor(LABELS)).tolist() == expected
    assert corrected.select([str(i) for i in range(N)]) == [str(i) for i in KEPT]
    assert corrected.classes == ["a", "b", "c"]
    assert not hasattr(corrected, "data")
    assert [y for _, y in pickle.loads(pickle.dumps(corrected))] == expected


def test_a_spreadsheet_may_have_saved_it(tmp_path: Path) -> None:
    file = review(tmp_path, ACTIONS)
    cells = [line.split(",") for line in file.read_text().splitlines()]
    text = "\r\n".join(";".join(f'"{cell.replace(".2", ",2")}"' for cell in row) for row in cells)
    file.write_bytes(
        b"\xef\xbb\xbf" + text.replace('"relabel:2"', '" Relabel: 2,0 "').encode() + b"\r\n;;\r\n"
    )
    corrected = absgd_worker.apply_review(tensors(), file)
    assert corrected.digest == hashlib.sha256(b"1 drop\n4 relabel:2\n11 drop\n").hexdigest()


@pytest.mark.parametrize(
    ("actions", "changes", "message"),
    [
        ({1: "fix"}, {}, r"line 2, column 'action': it is 'fix': write keep, drop or relabel:X"),
        ({1: "keep", 4: "relabel:cat"}, {}, r"line 3, column 'action': it is 'relabel:cat'"),
        ({4: "relabel:3"}, {}, r"line 2, column 'action': it gives the label 3, which no sample has"),
        (
            {4: "drop"},
            {"label": 0},
            r"line 2, column 'label': it is 0, and sample 4 has the label 1: the rev",
        ),
        ({4: "drop", 5: "drop"}, {"name": "a"}, r"line 3, column 'id': it is 'a', as in line 2"),
        ({12: "drop"}, {}, r"line 2, column 'index': it is 12, and the data set has 12 samples"),
        ({4: "drop"}, {"samples": "13"}, r"of a data set of 13 samples, and this one has 12"),
        ({4: "drop"}, {"samples": "13+"}, r"of a data set of at least 13 samples, and this one has 12"),
        ({4: "drop"}, {"label": "one"}, r"line 2, column 'label': it is 'one', must be a whole number"),
        (dict.fromkeys(range(N), "drop"), {}, r"drops every sample"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, actions: Any, changes: Any, message: str) -> None:
    file = review(tmp_path, actions, **changes)
    with pytest.raises(absgd_worker.ReviewError, match=message):
        absgd_worker.apply_review(tensors(), file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index,label\n1,1\n", "no column 'action'"),
        ("", "no column 'index', but none"),
        ("index,action,action\n", "'action' occurs twice"),
        ("index,action\n1,drop\n1,keep\n", "line 3, column 'index': it is '1', as in line 2"),
        ("index,action\n,drop\n", "line 2, column 'index': it is empty"),
        ('index,action\n1,"drop\n', "is no CSV"),
        ("index,action,run\n1,drop,a\n2,drop,b\n", "line 3, column 'run': it differs"),
        ("index,action\n1,drop,x\n", "line 2 has 3 cells"),
    ],
)
def test_a_file_that_is_no_review_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "review.csv"
    file.write_text(text)
    with pytest.raises(absgd_worker.ReviewError, match=message):
        absgd_worker.apply_review(tensors(), file)


def test_names_are_checked_where_they_are_given(tmp_path: Path) -> None:
    file = review(tmp_path, {4: "drop"})
    names = [f"img/{i}.png" for i in range(N)]
    assert len(absgd_worker.apply_review(tensors(), file, ids=names)) == N - 1
    with pytest.raises(absgd_worker.ReviewError, match=r"it is 'img/4.png', and sample 4 is 'img/7.png'"):
        absgd_worker.apply_review(tensors(), file, ids=names[::-1])


def test_a_label_that_cannot_be_found_is_said(tmp_path: Path) -> None:
    file = review(tmp_path, ACTIONS)
    with pytest.raises(absgd_worker.ReviewError, match=r"give apply_review\(…, label=…\)"):
        absgd_worker.apply_review(Named(lambda x, y: (x, y, 0)), file)
    with pytest.raises(absgd_worker.ReviewError, match=r"label='y' finds nothing in a sample"):
        absgd_worker.apply_review(Named(lambda x, y: (x, y)), file, label="y")
    with pytest.raises(absgd_worker.ReviewError, match="must be the number of its class"):
        absgd_worker.apply_review(Named(lambda x, y: (x, str(y))), file)


def test_classes_may_be_given_or_come_from_the_data(tmp_path: Path) -> None:
    file = review(tmp_path, {4: "relabel:5"})
    assert int(absgd_worker.apply_review(tensors(), file, classes=6)[4][1]) == 5
    with pytest.raises(absgd_worker.ReviewError, match="label 5"):
        absgd_worker.apply_review(Named(lambda x, y: (x, y)), file)
    file = review(tmp_path, {4: "relabel:0"})
    assert int(absgd_worker.apply_review(ConcatDataset([tensors()]), file)[4][1]) == 0
