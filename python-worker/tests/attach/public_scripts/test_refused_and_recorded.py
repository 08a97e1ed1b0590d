"""Public scripts whose samples cannot be told, are recorded, or of which nothing is to be said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.provenance.granularity import GranularityError
from public_scripts import Script, Trained, run
from recorder import Recorder


class Captions(nn.Module):
    """12 words of 4 captions, put side by side time step by time step."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.cell = nn.Embedding(7, 4).double(), nn.GRU(4, 4, batch_first=True).double()
        self.head = nn.Linear(4, 7).double()

    def forward(self, words: Tensor, lengths: list[int]) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(words), lengths, batch_first=True)
        return self.head(self.cell(packed)[0].data)


def packed_captions(script: Script) -> None:
    """The captioning tutorial."""
    model, lengths = Captions(), [5, 4, 2, 1]
    for one in model.parameters():
        nn.init.constant_(one, 0.1)
    criterion = script.wrap(nn.CrossEntropyLoss())

    def loss(number: int) -> Tensor:
        words = script.randint(7, 4, 5)
        target = nn.utils.rnn.pack_padded_sequence(words, lengths, batch_first=True).data
        return criterion(model(words, lengths), target)

    script.train(model, loss)


def packed_words(script: Script) -> None:
    """The same of modules that the script calls one after another, the last of them with all words."""
    model, lengths = Captions(), [5, 4, 2, 1]
    for one in model.parameters():
        nn.init.constant_(one, 0.1)
    criterion = script.wrap(nn.CrossEntropyLoss())

    def loss(number: int) -> Tensor:
        words = script.randint(7, 4, 5)
        packed = nn.utils.rnn.pack_padded_sequence(model.embed(words), lengths, batch_first=True)
        target = nn.utils.rnn.pack_padded_sequence(words, lengths, batch_first=True).data
        return criterion(model.head(model.cell(packed)[0].data), target)

    script.train(model, loss)


def time_first(script: Script) -> None:
    """A recurrent net with `batch_first=False` and a head that the script calls one after another."""
    cell, head = nn.LSTM(3, 4).double(), script.model(4, 5)
    for one in cell.parameters():
        nn.init.constant_(one, 0.1)
    criterion = script.wrap(nn.CrossEntropyLoss())

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 4, 3), script.randint(5, 6, 4)
        return criterion(head(cell(x)[0]).view(-1, 5), y.view(-1))

    script.train(nn.ModuleList([cell, head]), loss)


def speech(script: Script) -> None:
    """CTC beside a cross-entropy of another head."""
    model = script.model(3, 5)
    weighed = script.wrap(lambda p, y: F.ctc_loss(p, y, torch.full((4,), 8), torch.full((4,), 3)))

    def loss(number: int) -> Tensor:
        x, y = script.randn(8, 4, 3), script.randint(4, 4, 3) + 1
        return weighed(model(x).log_softmax(-1), y) + 0.3 * F.cross_entropy(model(x).mean(0), y[:, 0])

    script.train(model, loss)


def triplets(script: Script) -> None:
    model = script.model(3, 4)
    weighed = script.wrap(lambda a, b, c: F.triplet_margin_loss(a, b, c, margin=0.5))

    def loss(number: int) -> Tensor:
        return weighed(*(model(script.randn(5, 3)) for _ in range(3)))

    script.train(model, loss)


def two_views(script: Script) -> None:
    """SimCLR's loss in a function of the script."""
    model = script.model(3, 4)

    def of_views(z: Tensor) -> Tensor:
        z = F.normalize(z, dim=1)
        similar = (z @ z.T / 0.5).masked_fill(torch.eye(len(z), dtype=torch.bool), -1e9)
        half = len(z) // 2
        return F.cross_entropy(similar, torch.cat([torch.arange(half) + half, torch.arange(half)]))

    criterion = script.wrap(of_views)
    script.train(model, lambda number: criterion(model(script.randn(8, 3))))


def chunks_of_tokens(script: Script) -> None:
    """Scores cut into pieces to save memory, across sequences."""
    model = script.model(3, 5)
    criterion = script.wrap(nn.CrossEntropyLoss(reduction="sum"))

    def loss(number: int) -> Tensor:
        scores, y = model(script.randn(4, 6, 3)).view(-1, 5), script.randint(5, 24)
        pieces = zip(scores.split(9), y.split(9), strict=True)
        return torch.stack([criterion(a, b) for a, b in pieces]).sum() / 24

    script.train(model, loss)


REFUSED: list[tuple[Trained, str, str]] = [
    (packed_captions, "capture wrap", "what is one sample"),
    (packed_words, "capture wrap", "what is one sample"),
    (time_first, "capture wrap", "rows or its columns"),
    (speech, "capture wrap", "divides by the length of each target"),
    (triplets, "capture wrap", "pairs of samples"),
    (two_views, "wrap", "one figure of the whole batch"),
    (chunks_of_tokens, "capture wrap", "what is one sample"),
]


@pytest.mark.parametrize(
    ("train", "way", "says"),
    [
        pytest.param(train, way, says, id=f"{train.__name__}-{way}")
        for train, ways, says in REFUSED
        for way in ways.split()
    ],
)
def test_what_has_no_samples_to_tell_is_refused_with_lambda_on_and_itself_without(
    train: Trained, way: str, says: str
) -> None:
    plain, off = run(train, "plain", is_off=True), run(train, way, is_off=True)
    assert len(plain) == len(off)
    assert all(torch.equal(a, b) for a, b in zip(plain, off, strict=True))
    with pytest.raises((NotWeighable, GranularityError), match=says):
        run(train, way, lambdas=(-0.9, -0.9))


@pytest.mark.parametrize("way", ["capture", "wrap", "weigh"])
@pytest.mark.parametrize("is_drawn", [False, True])
def test_weights_of_samples_from_the_loader_and_a_last_batch_of_one_have_the_right_samples(
    way: str, is_drawn: bool
) -> None:
    generator = torch.Generator().manual_seed(5)
    x, y = torch.randn(9, 3, generator=generator), torch.randint(0, 4, (9,), generator=generator)
    # As of a column of a table: `torch.tensor(frame["weight"].values)`.
    weight = torch.rand(9, generator=generator) + 0.1
    sampler = WeightedRandomSampler(weight.tolist(), 9, generator=generator) if is_drawn else None
    loader = DataLoader(TensorDataset(x, y, weight), batch_size=4, sampler=sampler, shuffle=sampler is None)
    model = nn.Linear(3, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    losses = F.cross_entropy(model(x), y, reduction="none").detach()
    source = Recorder(**{"lambda": -0.7, "gamma": 1.0})
    criterion = nn.CrossEntropyLoss(reduction="none")
    reduce: Callable[[Tensor], Tensor] = api.weigh if way == "weigh" else torch.mean
    criterion = api.wrap(criterion) if way == "wrap" else criterion

    def epochs() -> list[Tensor]:
        found, tracked = [], api.track(loader)
        for _ in range(2):
            for inputs, labels, weights in tracked:
                optimizer.zero_grad()
                loss = reduce(criterion(model(inputs), labels) * weights)
                loss.backward()
                optimizer.step()
                found.append(loss.detach())
        return found

    with api.session(source=source):
        if way == "capture":
            with api.capture():
                found = epochs()
        else:
            found = epochs()
    assert [len(entry.losses_B) for entry in source.entries] == [4, 4, 1] * 2
    for entry, loss in zip(source.entries, found, strict=True):
        index = entry.indices_B
        assert index is not None
        assert torch.allclose(entry.losses_B, losses[index], atol=1e-6)
        right = (torch.softmax(losses[index] / -0.7, 0) * losses[index] * weight[index]).sum()
        assert loss.item() == pytest.approx(right.item(), rel=1e-5)


def boxes(losses: Tensor, scores: Tensor) -> Tensor:
    return losses + F.l1_loss(scores[:0], torch.zeros(0, 4), reduction="sum")


def ignored(losses: Tensor, scores: Tensor) -> Tensor:
    return losses + F.cross_entropy(scores, torch.full((len(scores),), -100), reduction="sum")


def nothing_sure(losses: Tensor, scores: Tensor) -> Tensor:
    elements = F.cross_entropy(scores, scores.argmax(1), reduction="none")
    return losses + (elements * torch.zeros(len(scores))).mean()


def empty_elements(losses: Tensor, scores: Tensor) -> Tensor:
    return losses + F.mse_loss(scores[:0], torch.zeros(0, 4), reduction="none").sum()


@pytest.mark.parametrize("add", [boxes, ignored, nothing_sure, empty_elements])
@pytest.mark.parametrize("way", ["capture", "wrap"])
@pytest.mark.parametrize("lam", [-50.0, float("inf")])
def test_a_term_without_a_sample_that_counts_is_not_said_to_be_left_unweighed(
    add: Callable[[Tensor, Tensor], Tensor], way: str, lam: float, capsys: pytest.CaptureFixture[str]
) -> None:
    model = nn.Linear(3, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def whole(scores: Tensor, labels: Tensor) -> Tensor:
        return add(F.cross_entropy(scores, labels), scores)

    def train(criterion: Callable[[Tensor, Tensor], Tensor]) -> int:
        for _ in range(4):
            optimizer.zero_grad()
            criterion(model(torch.randn(6, 3)), torch.randint(0, 4, (6,))).backward()
            optimizer.step()
        return api.current().step

    with api.session(lam=lam, announce=True):
        if way == "wrap":
            assert train(api.wrap(whole)) == 4
        else:
            with api.capture():
                assert train(whole) == 4
    said = capsys.readouterr().err
    assert "captured 1 loss" in said
    assert "not weighed" not in said
