"""Losses as public scripts have them: what each way in makes of them, and what is right by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from public_scripts import Script, Trained, differences

nan = float("nan")


def token_classification(script: Script) -> None:
    """Padding and inner word pieces have the label -100; rare tags have a higher weight."""
    model, size, length, tags = script.model(3, 4), 5, 6, 4
    weight = script.rand(tags) + 0.5
    criterion = script.wrap(nn.CrossEntropyLoss(weight=weight))

    def loss(number: int) -> Tensor:
        x, y = script.randn(size, length, 3), script.randint(tags, size, length)
        y[script.rand(size, length) < 0.4] = -100
        y[number % size] = -100
        scores = model(x)
        if not script.is_by_hand:
            return criterion(scores.view(-1, tags), y.view(-1))
        elements = F.cross_entropy(scores.transpose(1, 2), y, reduction="none")
        of_token = weight[y.clamp(min=0)] * (y != -100)
        each = script.factors(elements.sum(1) / (y != -100).sum(1))
        return (elements * of_token * each[:, None]).sum() / of_token.sum()

    script.train(model, loss)


def cutmix_with_smoothing(script: Script) -> None:
    model = script.model(3, 4)
    criterion = script.wrap(nn.CrossEntropyLoss(label_smoothing=0.1))

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randint(4, 6)
        part, order = script.rand(1).item(), torch.randperm(6, generator=script.generator)
        scores = model(part * x + (1 - part) * x[order])
        if script.is_by_hand:
            first, second = (
                F.cross_entropy(scores, one, reduction="none", label_smoothing=0.1) for one in (y, y[order])
            )
            return (
                part * (script.factors(first, "a") * first).mean()
                + (1 - part) * (script.factors(second, "b") * second).mean()
            )
        return part * criterion(scores, y) + (1 - part) * criterion(scores, y[order])

    script.train(model, loss)


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "mean"
) -> Tensor:
    """As torchvision.ops has it."""
    p = torch.sigmoid(inputs)
    ce_loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    p_t = p * targets + (1 - p) * (1 - targets)
    loss = ce_loss * ((1 - p_t) ** gamma)
    alpha_t = alpha * targets + (1 - alpha) * (1 - targets)
    loss = alpha_t * loss
    return loss.mean() if reduction == "mean" else loss


def focal_loss(script: Script) -> None:
    model = script.model(3, 4)
    criterion = script.wrap(sigmoid_focal_loss)

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), F.one_hot(script.randint(4, 6), 4).double()
        if script.is_by_hand or script.is_reduced:
            elements = sigmoid_focal_loss(model(x), y, reduction="none")
            if script.is_reduced:
                return script.reduce(elements)
            return (script.factors(elements.mean(1))[:, None] * elements).mean()
        return criterion(model(x), y)

    script.train(model, loss)


def binary_focal_loss(script: Script) -> None:
    """One number a sample: alpha is then the sample's own weight, outside of the exponent."""
    model = script.model(3, 1)
    criterion = script.wrap(sigmoid_focal_loss)

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randint(2, 6).double()
        out = model(x).squeeze(1)
        if script.is_by_hand:
            alpha_t = 0.25 * y + 0.75 * (1 - y)
            elements = sigmoid_focal_loss(out, y, reduction="none")
            return (script.factors(elements / alpha_t) * elements).mean()
        return criterion(out, y)

    script.train(model, loss)


def segmentation_with_auxiliary_head(script: Script) -> None:
    """torchvision's references/segmentation: a loop over the heads, one line for both."""
    model, classes = script.model(3, 8), 4

    def criterion(outputs: dict[str, Tensor], target: Tensor) -> Tensor:
        losses = {}
        for name, x in outputs.items():
            losses[name] = nn.functional.cross_entropy(x, target, ignore_index=255)
        return losses["out"] + 0.5 * losses["aux"]

    weighed = script.wrap(criterion)

    def by_hand(outputs: dict[str, Tensor], target: Tensor) -> Tensor:
        losses = {}
        for name, x in outputs.items():
            elements = F.cross_entropy(x, target, ignore_index=255, reduction="none")
            counts = (target != 255).flatten(1).sum(1)
            each = script.factors(elements.flatten(1).sum(1) / counts, name)
            losses[name] = (each[:, None, None] * elements).sum() / counts.sum()
        return losses["out"] + 0.5 * losses["aux"]

    def loss(number: int) -> Tensor:
        x, target = script.randn(5, 2, 3, 3), script.randint(classes, 5, 2, 3)
        target[script.rand(5, 2, 3) < 0.3] = 255
        target[number] = 255
        out = model(x).permute(0, 3, 1, 2)
        outputs = {"out": out[:, :classes], "aux": out[:, classes:]}
        return by_hand(outputs, target) if script.is_by_hand else weighed(outputs, target)

    script.train(model, loss)


def missing_labels(script: Script) -> None:
    """Multi-label with NaN where nobody labelled, and pos_weight."""
    model, pos_weight = script.model(3, 4), script.rand(4) * 3
    criterion = script.wrap(nn.BCEWithLogitsLoss(reduction="none", pos_weight=pos_weight))

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randint(2, 6, 4).double()
        y[script.rand(6, 4) < 0.3] = nan
        y[number] = nan
        mask = ~y.isnan()
        known = torch.nan_to_num(y)
        out = model(x)
        if script.is_by_hand:
            elements = F.binary_cross_entropy_with_logits(out, known, reduction="none", pos_weight=pos_weight)
            plain = F.binary_cross_entropy_with_logits(out, known, reduction="none")
            each = script.factors((plain * mask).sum(1) / mask.sum(1))
            return (elements * mask * each[:, None]).sum() / mask.sum()
        return (criterion(out, known) * mask).sum() / mask.sum()

    script.train(model, loss)


def ordinal_regression(script: Script) -> None:
    """coral_pytorch's loss."""
    model = script.model(3, 4)

    def coral_loss(logits: Tensor, levels: Tensor, reduction: str = "mean") -> Tensor:
        term1 = F.logsigmoid(logits) * levels + (F.logsigmoid(logits) - logits) * (1 - levels)
        val = -torch.sum(term1, dim=1)
        return torch.mean(val) if reduction == "mean" else val

    criterion = script.wrap(coral_loss)

    def loss(number: int) -> Tensor:
        x, grades = script.randn(6, 3), script.randint(5, 6)
        levels = (torch.arange(4)[None] < grades[:, None]).double()
        if script.is_by_hand or script.is_reduced:
            losses = coral_loss(model(x), levels, reduction="none")
            return script.reduce(losses) if script.is_reduced else (script.factors(losses) * losses).mean()
        return criterion(model(x), levels)

    script.train(model, loss)


def quantile_loss(script: Script) -> None:
    """Pinball losses of three quantiles, stacked and added up before the mean, as in many blog posts."""
    model, quantiles = script.model(3, 3), (0.1, 0.5, 0.9)

    class QuantileLoss(nn.Module):
        def forward(self, preds: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
            losses = []
            for i, q in enumerate(quantiles):
                errors = target - preds[:, i]
                losses.append(torch.max((q - 1) * errors, q * errors).unsqueeze(1))
            each = torch.sum(torch.cat(losses, dim=1), dim=1)
            return torch.mean(each) if reduction == "mean" else each

    criterion = script.wrap(QuantileLoss())

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randn(6)
        if script.is_by_hand or script.is_reduced:
            losses = QuantileLoss()(model(x), y, "none")
            return script.reduce(losses) if script.is_reduced else (script.factors(losses) * losses).mean()
        return criterion(model(x), y)

    script.train(model, loss)


def next_word(script: Script) -> None:
    """A causal language model as Hugging Face's computes it: shifted labels, flattened."""
    model, size, length, words = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 7)).double(), 4, 6, 7
    criterion = script.wrap(nn.CrossEntropyLoss())
    with torch.no_grad():
        for one in model.parameters():
            one.copy_(script.randn(*one.shape))

    def loss(number: int) -> Tensor:
        tokens = script.randint(words, size, length)
        labels = tokens.masked_fill(script.rand(size, length) < 0.3, -100)
        logits = model(tokens)
        shift_logits, shift_labels = logits[..., :-1, :].contiguous(), labels[..., 1:].contiguous()
        if script.is_by_hand:
            elements = F.cross_entropy(shift_logits.transpose(1, 2), shift_labels, reduction="none")
            counts = (shift_labels != -100).sum(1)
            return (script.factors(elements.sum(1) / counts)[:, None] * elements).sum() / counts.sum()
        return criterion(shift_logits.view(-1, words), shift_labels.view(-1))

    script.train(model, loss)


def adversarial(script: Script) -> None:
    """DCGAN: one criterion on three lines, two backward passes of the discriminator, labels refilled."""
    nets = script.model(2, 1), script.model(3, 2)
    criterion = script.wrap(nn.BCELoss())
    optimizers = [torch.optim.Adam(net.parameters(), lr=0.05) for net in nets]
    script.lambdas = script.lambdas[1:2] * 8

    def by_hand(out: Tensor, label: Tensor, name: str) -> Tensor:
        losses = F.binary_cross_entropy(out, label, reduction="none")
        return (script.factors(losses, name) * losses).mean()

    with script.training():
        for _ in range(3):
            label = torch.ones(6, dtype=torch.float64)
            nets[0].zero_grad()
            real, fake = script.randn(6, 2), nets[1](script.randn(6, 3))
            out = torch.sigmoid(nets[0](real)).view(-1)
            one = by_hand(out, label, "real") if script.is_by_hand else criterion(out, label)
            one.backward()
            label.fill_(0)
            out = torch.sigmoid(nets[0](fake.detach())).view(-1)
            two = by_hand(out, label, "fake") if script.is_by_hand else criterion(out, label)
            two.backward()
            optimizers[0].step()
            nets[1].zero_grad()
            label.fill_(1)
            out = torch.sigmoid(nets[0](fake)).view(-1)
            three = by_hand(out, label, "generator") if script.is_by_hand else criterion(out, label)
            three.backward()
            optimizers[1].step()
            script.print(one, two, three, *nets[0].parameters(), *nets[1].parameters())


CASES: list[tuple[Trained, str]] = [
    (token_classification, "capture wrap"),
    (cutmix_with_smoothing, "capture wrap"),
    (focal_loss, "capture wrap weigh"),
    (binary_focal_loss, "capture wrap"),
    (segmentation_with_auxiliary_head, "capture wrap"),
    (missing_labels, "capture wrap"),
    (ordinal_regression, "wrap weigh"),
    (quantile_loss, "wrap weigh"),
    (next_word, "capture wrap"),
    (adversarial, "capture wrap"),
]


@pytest.mark.parametrize(
    ("train", "way"),
    [pytest.param(train, way, id=f"{train.__name__}-{way}") for train, ways in CASES for way in ways.split()],
)
def test_a_public_script_is_weighed_as_by_hand_and_is_itself_with_lambda_off(
    train: Trained, way: str
) -> None:
    assert differences(train, way) == []
