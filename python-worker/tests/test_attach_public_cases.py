"""Losses as public training scripts have them: what each way in makes of them, and what is right by hand."""

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


def learned_uncertainty(script: Script) -> None:
    """Kendall's weighting of tasks by learned log-variances."""
    model = script.model(3, 5)
    log_vars = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    classify, regress = script.wrap(nn.CrossEntropyLoss()), script.wrap(nn.MSELoss())

    def loss(number: int) -> Tensor:
        x, labels, aim = script.randn(6, 3), script.randint(4, 6), script.randn(6)
        out = model(x)
        if script.is_by_hand:
            ce = F.cross_entropy(out[:, :4], labels, reduction="none")
            se = (out[:, 4] - aim) ** 2
            first, second = (script.factors(ce, "ce") * ce).mean(), (script.factors(se, "se") * se).mean()
        elif script.is_reduced:
            first = script.reduce(F.cross_entropy(out[:, :4], labels, reduction="none"))
            second = script.reduce((out[:, 4] - aim) ** 2)
        else:
            first = classify(out[:, :4], labels)
            second = regress(out[:, 4], aim)
        return (torch.stack([first, second]) * torch.exp(-log_vars) + log_vars).sum()

    script.train(model, loss, log_vars)


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


def decoder_over_time_steps(script: Script) -> None:
    """PyTorch's seq2seq tutorial: a criterion call for each time step, added up."""
    model, length = script.model(4, 4), 3
    criterion = script.wrap(nn.NLLLoss())

    def loss(number: int) -> Tensor:
        total: Tensor | float = 0
        word, target = script.randn(5, 4), script.randint(4, length, 5)
        for t in range(length):
            word = F.log_softmax(model(word), dim=1)
            if script.is_by_hand:
                elements = F.nll_loss(word, target[t], reduction="none")
                total = total + (script.factors(elements, str(t)) * elements).mean()
            else:
                total = total + criterion(word, target[t])
            word = F.one_hot(target[t], 4).double() if number % 2 else word.detach()
        assert isinstance(total, Tensor)
        return total / length

    script.train(model, loss)


def distillation(script: Script) -> None:
    model, teacher, temperature = script.model(3, 4), script.model(3, 4), 3.0
    soft, hard = script.wrap(nn.KLDivLoss(reduction="batchmean")), script.wrap(nn.CrossEntropyLoss())

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randint(4, 6)
        out = model(x)
        with torch.no_grad():
            known = torch.softmax(teacher(x) / temperature, dim=1)
        log_p = F.log_softmax(out / temperature, dim=1)
        if script.is_by_hand:
            kl, ce = (
                F.kl_div(log_p, known, reduction="none").sum(1),
                F.cross_entropy(out, y, reduction="none"),
            )
            first, second = (script.factors(kl, "kl") * kl).mean(), (script.factors(ce, "ce") * ce).mean()
        else:
            first = soft(log_p, known)
            second = hard(out, y)
        return 0.7 * temperature**2 * first + 0.3 * second

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


def variational_autoencoder(script: Script) -> None:
    """PyTorch's example: sums. The reconstruction is weighed; by capture the divergence stays as it is."""
    model = script.model(4, 8)

    def loss(number: int) -> Tensor:
        x = script.rand(6, 4)
        out = model(x)
        recon, mu, log_var = torch.sigmoid(out[:, :4]), out[:, 4:6], out[:, 6:]
        kld = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())
        if script.is_by_hand:
            elements = F.binary_cross_entropy(recon, x, reduction="none").sum(1)
            return (script.factors(elements) * elements).sum() + kld
        return F.binary_cross_entropy(recon, x, reduction="sum") + kld

    script.train(model, loss)


def hinge_gan(script: Script) -> None:
    """Generator and discriminator in turns, hinge losses."""
    discriminator, generator = script.model(2, 1), script.model(3, 2)

    def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
        return F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean()

    def hinge_g(fake: Tensor) -> Tensor:
        return -fake.mean()

    of_d, of_g = script.wrap(hinge_d), script.wrap(hinge_g)
    both = [torch.optim.SGD(one.parameters(), lr=0.05) for one in (discriminator, generator)]
    with script.training():
        for _ in range(2):
            real, z = script.randn(6, 2), script.randn(6, 3)
            both[0].zero_grad()
            a, b = discriminator(real).squeeze(1), discriminator(generator(z).detach()).squeeze(1)
            if script.is_by_hand:
                a, b = F.relu(1.0 - a), F.relu(1.0 + b)
                loss = (script.factors(a, "real") * a).mean() + (script.factors(b, "fake") * b).mean()
            else:
                loss = of_d(a, b)
            loss.backward()
            both[0].step()
            script.print(loss, *discriminator.parameters())
            script.step += 1
            both[1].zero_grad()
            c = discriminator(generator(z)).squeeze(1)
            loss = (script.factors(-c, "g") * -c).mean() if script.is_by_hand else of_g(c)
            loss.backward()
            both[1].step()
            script.print(loss, *generator.parameters())
            script.step += 1


def fixmatch(script: Script) -> None:
    """Labelled and unlabelled samples in one forward pass, pseudo-labels above a threshold."""
    model = script.model(3, 4)
    supervised = script.wrap(nn.CrossEntropyLoss())

    def loss(number: int) -> Tensor:
        x, weak, strong, y = script.randn(3, 3), script.randn(6, 3), script.randn(6, 3), script.randint(4, 3)
        out = model(torch.cat([x, weak, strong]))
        of_x = out[:3]
        of_weak, of_strong = out[3:].chunk(2)
        sure, pseudo = torch.softmax(of_weak.detach(), dim=-1).max(dim=-1)
        mask = sure.ge(2.0 if number == 2 else 0.4).double()
        if script.is_by_hand:
            lx = F.cross_entropy(of_x, y, reduction="none")
            lu = F.cross_entropy(of_strong, pseudo, reduction="none")
            first = (script.factors(lx, "x") * lx).mean()
            return first + 2.0 * (script.factors(lu.masked_fill(mask == 0, nan), "u") * lu * mask).mean()
        unsupervised = script.wrap(nn.CrossEntropyLoss(reduction="none"))
        lx = supervised(of_x, y)
        lu = (unsupervised(of_strong, pseudo) * mask).mean()
        return lx + 2.0 * lu

    script.train(model, loss)


def prioritized_replay(script: Script) -> None:
    """DQN: the action's value, importance weights of the replay buffer."""
    model, target_net = script.model(3, 4), script.model(3, 4)
    criterion = script.wrap(nn.SmoothL1Loss(reduction="none"))

    def loss(number: int) -> Tensor:
        state, action, reward = script.randn(6, 3), script.randint(4, 6, 1), script.randn(6, 1)
        importance = script.rand(6, 1) + 0.1
        q = model(state).gather(1, action)
        with torch.no_grad():
            aim = reward + 0.9 * target_net(state).max(1, keepdim=True)[0]
        if script.is_by_hand:
            losses = F.smooth_l1_loss(q, aim, reduction="none")
            return (script.factors(losses.squeeze(1))[:, None] * losses * importance).mean()
        return (criterion(q, aim) * importance).mean()

    script.train(model, loss)


def physics_informed(script: Script) -> None:
    """Residuals inside and boundary values: two sets of points of different sizes, gradients of inputs."""
    inner, outer = script.model(2, 5), script.model(5, 1)
    model = nn.Sequential(inner, nn.Tanh(), outer)
    residual, boundary = script.wrap(nn.MSELoss()), script.wrap(nn.MSELoss())

    def loss(number: int) -> Tensor:
        x, edge, known = script.randn(8, 2).requires_grad_(), script.randn(3, 2), script.randn(3, 1)
        u = model(x)
        du = torch.autograd.grad(u, x, torch.ones_like(u), create_graph=True)[0]
        f = du[:, 0:1] - u * du[:, 1:2]
        if script.is_by_hand:
            a, b = (f**2).squeeze(1), ((model(edge) - known) ** 2).squeeze(1)
            return (script.factors(a, "f") * a).mean() + (script.factors(b, "b") * b).mean()
        loss_f = residual(f, torch.zeros_like(f))
        loss_b = boundary(model(edge), known)
        return loss_f + loss_b

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


def hardest_examples(script: Script) -> None:
    """Online hard example mining: the mean over the highest losses."""
    model = script.model(3, 4)
    criterion = script.wrap(nn.CrossEntropyLoss(reduction="none"))

    def loss(number: int) -> Tensor:
        x, y = script.randn(8, 3), script.randint(4, 8)
        if script.is_by_hand:
            losses = F.cross_entropy(model(x), y, reduction="none").topk(5)[0]
            return (script.factors(losses) * losses).mean()
        return criterion(model(x), y).topk(5)[0].mean()

    script.train(model, loss)


def small_losses_of_the_other_net(script: Script) -> None:
    """Co-teaching: each net is trained on the samples that the other finds easy."""
    one, other = script.model(3, 4), script.model(3, 4)
    model = nn.ModuleList([one, other])

    def loss(number: int) -> Tensor:
        x, y = script.randn(8, 3), script.randint(4, 8)
        out1, out2 = one(x), other(x)
        loss1 = F.cross_entropy(out1, y, reduction="none")
        easy1 = torch.argsort(loss1.detach())[:5]
        loss2 = F.cross_entropy(out2, y, reduction="none")
        easy2 = torch.argsort(loss2.detach())[:5]
        if script.is_by_hand:
            a = F.cross_entropy(out1[easy2], y[easy2], reduction="none")
            b = F.cross_entropy(out2[easy1], y[easy1], reduction="none")
            return (script.factors(a, "a") * a).mean() + (script.factors(b, "b") * b).mean()
        update1 = F.cross_entropy(out1[easy2], y[easy2])
        update2 = F.cross_entropy(out2[easy1], y[easy1])
        return update1 + update2

    script.train(model, loss)


def mean_teacher(script: Script) -> None:
    model, teacher = script.model(3, 4), script.model(3, 4)
    classify, agree = script.wrap(nn.CrossEntropyLoss()), script.wrap(nn.MSELoss())

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randint(4, 6)
        y[number] = -100
        out = model(x)
        with torch.no_grad():
            known = teacher(x + 0.1).softmax(1)
        if script.is_by_hand:
            ce = F.cross_entropy(out, y, reduction="none").masked_fill(y == -100, nan)
            se = ((out.softmax(1) - known) ** 2).mean(1)
            first = (script.factors(ce, "ce") * ce.nan_to_num()).sum() / (y != -100).sum()
            return first + 0.5 * (script.factors(se, "se") * se).mean()
        first = classify(out, y)
        return first + 0.5 * agree(out.softmax(1), known)

    script.train(model, loss)


def uncertain_regression(script: Script) -> None:
    model = script.model(3, 2)
    criterion = script.wrap(nn.GaussianNLLLoss())

    def loss(number: int) -> Tensor:
        x, y = script.randn(6, 3), script.randn(6)
        mean, var = model(x).unbind(1)
        if script.is_by_hand:
            losses = F.gaussian_nll_loss(mean, y, F.softplus(var), reduction="none")
            return (script.factors(losses) * losses).mean()
        return criterion(mean, y, F.softplus(var))

    script.train(model, loss)


CASES: list[tuple[Trained, str]] = [
    (token_classification, "capture wrap"),
    (learned_uncertainty, "capture wrap weigh"),
    (cutmix_with_smoothing, "capture wrap"),
    (focal_loss, "capture wrap weigh"),
    (binary_focal_loss, "capture wrap"),
    (segmentation_with_auxiliary_head, "capture wrap"),
    (decoder_over_time_steps, "capture wrap"),
    (distillation, "capture wrap"),
    (missing_labels, "capture wrap"),
    (ordinal_regression, "wrap weigh"),
    (quantile_loss, "wrap weigh"),
    (variational_autoencoder, "capture"),
    (hinge_gan, "wrap"),
    (fixmatch, "capture wrap"),
    (prioritized_replay, "capture wrap"),
    (physics_informed, "capture wrap"),
    (next_word, "capture wrap"),
    (hardest_examples, "capture wrap"),
    (small_losses_of_the_other_net, "capture"),
    (mean_teacher, "capture wrap"),
    (uncertain_regression, "capture wrap"),
]


@pytest.mark.parametrize(
    ("train", "way"),
    [pytest.param(train, way, id=f"{train.__name__}-{way}") for train, ways in CASES for way in ways.split()],
)
def test_a_public_script_is_weighed_as_by_hand_and_is_itself_with_lambda_off(
    train: Trained, way: str
) -> None:
    assert differences(train, way) == []
