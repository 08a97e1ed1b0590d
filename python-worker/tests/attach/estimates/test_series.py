"""Each loss of a process has a series; the main loss of a run is the same in all its steps."""

from __future__ import annotations

import json
import random
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from absgd_worker.attach import api
from absgd_worker.attach.mirror.mirror import scalars_of
from absgd_worker.link.courier.step_columns import runs_of, sample_batches, step_batch
from absgd_worker.link.step_entry import StepEntry
from recorder import Recorder, a_model, labels, points
from sent_telemetry import rows

Told = tuple[str, Tensor]
"""The loss that a step trains on, and the losses of its samples."""


def trained(kinds: list[str], state: Any = None) -> tuple[list[StepEntry], list[Told], Any]:
    """Steps of a discriminator, of its generator, and of the first with an auxiliary head."""
    nets = {name: a_model() for name in ("discriminator", "generator")}
    source, trained_losses = Recorder(), []
    with api.session(source=source) as session, api.capture():
        if state is not None:
            session.load_state_dict(state)
        batches = [torch.arange(64).roll(number)[:16] for number in range(len(kinds))]
        data = [(batch, points[batch], labels[batch]) for batch in batches]
        tracked: Any = api.track(data, index=lambda given: given[0])  # type: ignore[arg-type]
        for kind, (_, own_points, own_labels) in zip(kinds, tracked, strict=True):
            model, optimizer = nets["generator" if kind == "generator" else "discriminator"]
            scores = model(own_points)
            trained_losses.append((kind, F.cross_entropy(scores.detach(), own_labels, reduction="none")))
            if kind == "generator":
                loss = F.cross_entropy(scores, own_labels)
            else:
                loss = F.cross_entropy(scores, own_labels)
                if kind == "auxiliary":
                    loss = loss + F.mse_loss(scores, own_points)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        state = json.loads(json.dumps(session.state_dict()))
    return source.entries, trained_losses, state


def test_the_main_loss_of_a_run_is_the_same_in_every_step_and_is_not_replaced() -> None:
    kinds = ("discriminator", "generator", "auxiliary")
    for seed in range(8):
        draw = random.Random(seed)
        first = ["discriminator", *draw.choices(kinds, k=9)]
        entries, trained_losses, state = trained(first)
        # The first loss of a resumed process may be another one.
        later, trained_later, _ = trained(["generator", *draw.choices(kinds, k=5)], state)
        for entry, (kind, losses) in zip([*entries, *later], [*trained_losses, *trained_later], strict=True):
            is_main = kind != "generator"
            assert entry.has_main is is_main
            assert (entry.name == "loss") is is_main
            assert [("mse" in name or ":" in name) for name, _ in entry.others] == [True] * (
                kind == "auxiliary"
            )
            assert torch.allclose(entry.losses_B, losses, atol=1e-6)
            assert ("absgd/mean_loss" in scalars_of(entry, 0.1)) is is_main
            assert (f"absgd/{entry.name}/mean_loss" in scalars_of(entry, 0.1)) is not is_main
        records = [
            (number, batch)
            for run in runs_of(rows(entries))
            for batch in [step_batch(run, labels_N=None, num_classes=0)]
            for number in range(batch.first_step, batch.first_step + batch.count)
        ]
        assert [number for number, _ in records] == list(range(len(entries)))
        for number, batch in records:
            assert batch.without_main is (first[number] == "generator")
            assert (batch.weighings[0].name == "loss") is not batch.without_main
        samples = [
            one for run in runs_of(rows(entries)) for _, part in sample_batches(run) for one in part.steps
        ]
        assert [one.weighing == "" for one in samples] == [kind != "generator" for kind in first]


def test_the_loss_named_loss_is_the_main_loss_also_if_it_is_computed_later() -> None:
    model, optimizer = a_model()
    source = Recorder()
    with api.session(source=source):
        first = api.wrap(torch.nn.MSELoss(), name="auxiliary")
        main = api.wrap(torch.nn.CrossEntropyLoss(), name="loss")
        for _ in range(2):
            scores = model(points)
            (first(scores, points) + main(scores, labels)).backward()
            optimizer.step()
    assert [(entry.name, [name for name, _ in entry.others]) for entry in source.entries] == [
        ("loss", ["auxiliary"])
    ] * 2
