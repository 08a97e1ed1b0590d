"""The example on Fashion-MNIST, on files of random images that have its format."""

from __future__ import annotations

import gzip
import importlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from absgd_worker import Context, Task
from project import EXAMPLES

NUM_TRAIN = 2000
NUM_TEST = 300


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the data, which reads random images from a folder of this test."""
    generator = torch.Generator().manual_seed(0)
    for part, size in (("train", NUM_TRAIN), ("t10k", NUM_TEST)):
        images = torch.randint(0, 256, (size, 28, 28), dtype=torch.uint8, generator=generator)
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", (torch.arange(size) % 10).to(torch.uint8))
    monkeypatch.setenv("ABSGD_FASHION_MNIST", str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLES / "fashion-mnist"))
    return importlib.import_module("fashion_data")


def task_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fashion_task", EXAMPLES / "fashion-mnist" / "task.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_idx(file: Path, values: Tensor) -> None:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    file.write_bytes(gzip.compress(bytes([0, 0, 8, values.dim()]) + sizes + values.numpy().tobytes(), 1))


def splits(data: ModuleType, **given: Any) -> Any:
    chosen = {"train": 900, "validation": 100, "noise": 0.0, "kind": "symmetric", "imbalance": 1.0, **given}
    return data.fashion_splits(chosen.pop("seed", 0), **chosen)


def build(**given: Any) -> Task:
    params = {"seed": 0, "noise": 0.0, "kind": "symmetric", "imbalance": 1.0, "loss": "cross-entropy"}
    params |= {"train": 200, "validation": 50, "batchSize": 32, **given}
    context = Context(
        run="test", run_dir=Path("/nonexistent"), params=params, seed=0, device=torch.device("cpu")
    )
    return task_module().build(params, context)


def test_an_idx_file_gives_its_first_entries_compressed_or_not(data: ModuleType, tmp_path: Path) -> None:
    values = torch.arange(24, dtype=torch.uint8).reshape(4, 3, 2)
    write_idx(tmp_path / "some.gz", values)
    assert torch.equal(data.read_idx(tmp_path / "some", 3, None), values)
    assert torch.equal(data.read_idx(tmp_path / "some", 3, 2), values[:2])
    (tmp_path / "plain").write_bytes(gzip.decompress((tmp_path / "some.gz").read_bytes()))
    assert torch.equal(data.read_idx(tmp_path / "plain", 3, 99), values)


def test_a_file_of_another_kind_or_one_that_is_cut_off_is_refused(data: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 9, 1, 2]))
    with pytest.raises(ValueError, match="ends after 2 of 9 bytes"):
        data.read_idx(tmp_path / "cut", 1, None)
    with pytest.raises(ValueError, match="not an IDX file of bytes in 3 dimensions"):
        data.read_idx(tmp_path / "cut", 3, None)


def test_a_missing_file_says_which_and_how_to_get_it(
    data: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABSGD_FASHION_MNIST", str(tmp_path / "elsewhere"))
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte\.gz .*dataset-fashion-mnist"):
        splits(data)


def test_symmetric_noise_gives_every_other_label_in_training_and_validation_and_none_in_test(
    data: ModuleType,
) -> None:
    train, validation, test = splits(data, noise=0.9)
    assert [len(split.labels) for split in (train, validation, test)] == [900, 100, NUM_TEST]
    for split in (train, validation):
        wrong = (split.labels != split.true_labels).double().mean().item()
        assert wrong == pytest.approx(0.9, abs=0.05)
    assert set(((train.labels - train.true_labels) % 10).tolist()) == set(range(10))
    assert torch.equal(test.labels, test.true_labels)


def test_asymmetric_noise_confuses_five_classes_and_leaves_the_others(data: ModuleType) -> None:
    train, _, _ = splits(data, noise=0.4, kind="asymmetric")
    pairs = {
        (true, label)
        for true, label in zip(train.true_labels.tolist(), train.labels.tolist(), strict=True)
        if true != label
    }
    assert pairs == {(9, 7), (7, 5), (2, 6), (4, 3), (3, 4)}
    assert (train.labels != train.true_labels).double().mean().item() == pytest.approx(0.2, abs=0.05)


def test_the_counts_of_a_long_tail_fall_geometrically_in_an_order_of_the_seed(data: ModuleType) -> None:
    counts = [
        torch.bincount(
            splits(data, seed=seed, train=480, validation=1, imbalance=0.02)[0].labels, minlength=10
        )
        for seed in (1, 2)
    ]
    for of_seed in counts:
        assert of_seed.sum() == 480
        falling = of_seed.sort(descending=True).values.double()
        assert (falling[0] / falling[-1]).item() == pytest.approx(50, rel=0.2)
        assert (falling[0] / falling[3]).item() == pytest.approx(50 ** (3 / 9), rel=0.1)
    assert counts[0].argsort().tolist() != counts[1].argsort().tolist()


def test_more_images_than_a_class_has_are_refused(data: ModuleType) -> None:
    with pytest.raises(ValueError, match="choose fewer"):
        splits(data, train=1900, validation=100, imbalance=0.02)


def test_a_seed_gives_the_same_images_and_labels_again_and_another_one_others(data: ModuleType) -> None:
    first, again, other = (splits(data, seed=seed, noise=0.2)[0] for seed in (3, 3, 4))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.images, other.images)


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("loss", ["cross-entropy", "focal", "class-weighted", "balanced-softmax"])
def test_every_loss_has_one_value_a_sample(loss: str) -> None:
    task = build(loss=loss)
    assert task.loss(task.model, task.data).shape == (200,)


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("q", [0.2, 1.0, 2.0])
def test_generalised_cross_entropy_has_the_gradient_of_weights_that_are_not_normalised(
    q: float,
) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(8, 10, dtype=torch.float64, generator=generator).requires_grad_()
    labels = torch.arange(8)
    module = task_module()
    (gradient,) = torch.autograd.grad(module.generalised(logits, labels, q).sum(), logits)
    losses_B = module.generalised(logits, labels, 0)
    weights_B = torch.exp(losses_B.detach() / (-1 / q))
    (weighed,) = torch.autograd.grad((weights_B * losses_B).sum(), logits)
    torch.testing.assert_close(gradient, weighed)
