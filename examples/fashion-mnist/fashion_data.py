"""Fashion-MNIST from its four files, with wrong labels or with rare classes.

The files are those of Debian's package dataset-fashion-mnist, compressed or not. They are in
/usr/share/datasets/fashion-mnist, or in the folder that the environment variable ABSGD_FASHION_MNIST names.

Shapes: N samples, C = 10 classes.
"""

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F

NUM_CLASSES = 10
FOLDER_VARIABLE = "ABSGD_FASHION_MNIST"
FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
# Only the first images of the training file are read: a seed chooses among them.
POOL_SIZE = 30_000
# The classes that are confused in arXiv 1805.07836, section 4.2: ankle boot as sneaker, sneaker as sandal,
# pullover as shirt, and coat and dress as each other. The other five classes keep their labels.
CONFUSED = {9: 7, 7: 5, 2: 6, 4: 3, 3: 4}


class Split(NamedTuple):
    images: Tensor  # [N, 1, 14, 14], each pixel the mean of 2 x 2, 0 to 1
    labels: Tensor  # [N]
    true_labels: Tensor  # [N]


def fashion_splits(
    seed: int, *, train: int, validation: int, noise: float, kind: str, imbalance: float
) -> tuple[Split, Split, Split]:
    """Training, validation and test split. The seed chooses images, wrong labels, and which classes are rare.

    Validation has labels as noisy, and classes as rare, as training; test has all images of its file, and
    their true labels.

    Args:
        seed: from 0.
        train: images of the training split.
        validation: images of the validation split.
        noise: the share of labels that are made wrong, in [0, 1): of all classes, or of the confused ones if
            the kind is asymmetric.
        kind: symmetric (any other label with equal chances) or asymmetric (the label in `CONFUSED`).
        imbalance: images of the rarest class to those of the most frequent one, in (0, 1]. The counts between
            them fall geometrically.
    """
    folder = data_folder()
    images = read_images(folder / "train-images-idx3-ubyte", POOL_SIZE)
    true_labels = read_labels(folder / "train-labels-idx1-ubyte", POOL_SIZE)
    generator = torch.Generator().manual_seed(seed)
    chosen = rare_classes(true_labels, train + validation, imbalance, generator)
    images, true_labels = images[chosen], true_labels[chosen]
    labels = with_noise(true_labels, noise, kind, generator)
    test_labels = read_labels(folder / "t10k-labels-idx1-ubyte")
    test = Split(read_images(folder / "t10k-images-idx3-ubyte"), test_labels, test_labels)
    return (
        Split(images[validation:], labels[validation:], true_labels[validation:]),
        Split(images[:validation], labels[:validation], true_labels[:validation]),
        test,
    )


def rare_classes(labels: Tensor, size: int, imbalance: float, generator: torch.Generator) -> Tensor:
    """Indices of `size` samples in random order, in classes whose counts fall geometrically. [size]

    Raises:
        ValueError: a class has too few samples.
    """
    order = torch.randperm(len(labels), generator=generator)
    shares = [imbalance ** (place / (NUM_CLASSES - 1)) for place in range(NUM_CLASSES)]
    counts = [math.ceil(size * share / sum(shares)) for share in shares]
    chosen = []
    for label, count in zip(torch.randperm(NUM_CLASSES, generator=generator).tolist(), counts, strict=True):
        of_class = order[labels[order] == label]
        if len(of_class) < count:
            raise ValueError(
                f"{count} images of class {label} are asked for and {len(of_class)} are there: choose fewer"
            )
        chosen.append(of_class[:count])
    indices = torch.cat(chosen)
    return indices[torch.randperm(len(indices), generator=generator)][:size]


def with_noise(labels: Tensor, noise: float, kind: str, generator: torch.Generator) -> Tensor:
    """The labels, of which a share is made wrong; see `fashion_splits`. [N]"""
    wrong = torch.rand(len(labels), generator=generator) < noise
    if kind == "asymmetric":
        confused = torch.tensor([CONFUSED.get(label, label) for label in range(NUM_CLASSES)])
        return torch.where(wrong, confused[labels], labels)
    shift = torch.randint(1, NUM_CLASSES, labels.shape, generator=generator)
    return torch.where(wrong, (labels + shift) % NUM_CLASSES, labels)


def data_folder() -> Path:
    """The folder of the four files.

    Raises:
        FileNotFoundError: a file is missing; the message says how to get them.
    """
    folder = Path(os.environ.get(FOLDER_VARIABLE) or DEBIAN_FOLDER)
    for name in FILES:
        if not any(file.is_file() for file in (folder / name, folder / f"{name}.gz")):
            raise FileNotFoundError(
                f"there is no {name}.gz in {folder}: install Debian's package dataset-fashion-mnist, "
                f"or name the folder of the four files in {FOLDER_VARIABLE}"
            )
    return folder


def read_images(file: Path, limit: int | None = None) -> Tensor:
    """The first `limit` images of an IDX file, or all of them. [N, 1, 14, 14], 0 to 1"""
    pixels = read_idx(file, 3, limit).to(torch.float32) / 255
    return F.avg_pool2d(pixels.unsqueeze(1), 2)


def read_labels(file: Path, limit: int | None = None) -> Tensor:
    """The first `limit` labels of an IDX file, or all of them. [N], int64"""
    return read_idx(file, 1, limit).to(torch.int64)


def read_idx(file: Path, dimensions: int, limit: int | None) -> Tensor:
    """The first `limit` entries of an IDX file of bytes, [N, ...], uint8.

    The file, or one with `.gz` behind its name, which is decompressed.

    Raises:
        ValueError: it is another kind of file, or ends too early.
    """
    with file.open("rb") if file.is_file() else gzip.open(f"{file}.gz") as opened:
        stream = cast("BinaryIO", opened)
        head = stream.read(4 * (1 + dimensions))
        if head[:4] != bytes([0, 0, 8, dimensions]):
            raise ValueError(f"{file} is not an IDX file of bytes in {dimensions} dimensions")
        sizes = [int.from_bytes(head[at : at + 4], "big") for at in range(4, len(head), 4)]
        if limit is not None:
            sizes[0] = min(sizes[0], limit)
        content = bytearray(stream.read(math.prod(sizes)))
    if len(content) < math.prod(sizes):
        raise ValueError(f"{file} ends after {len(content)} of {math.prod(sizes)} bytes: get it again")
    return torch.frombuffer(content, dtype=torch.uint8).reshape(sizes)
