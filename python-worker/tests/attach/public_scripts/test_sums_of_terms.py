"""Losses of several terms as public scripts have them, compared with weights by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from public_scripts import Script, Trained, differences


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


def pictures_and_texts(script: Script) -> None:
    """CLIP: a cross-entropy over the rows of the similarities, another over the columns."""
    one, other = script.model(3, 4), script.model(3, 4)
    criterion = script.wrap(nn.CrossEntropyLoss())

    def loss(number: int) -> Tensor:
        x, y, labels = script.randn(5, 3), script.randn(5, 3), torch.arange(5)
        similar = 3 * F.normalize(one(x), dim=1) @ F.normalize(other(y), dim=1).T
        if script.is_by_hand:
            a = F.cross_entropy(similar, labels, reduction="none")
            b = F.cross_entropy(similar.T, labels, reduction="none")
            return ((script.factors(a, "a") * a).mean() + (script.factors(b, "b") * b).mean()) / 2
        return (criterion(similar, labels) + criterion(similar.T, labels)) / 2

    script.train(nn.ModuleList([one, other]), loss)


def policy_and_value(script: Script) -> None:
    """PPO in one function: the entropy is subtracted, so that its negative is the loss."""
    model = script.model(3, 5)

    def ppo(log_ratio: Tensor, gain: Tensor, value: Tensor, aim: Tensor, entropy: Tensor) -> Tensor:
        ratio = log_ratio.exp()
        policy = torch.max(-gain * ratio, -gain * ratio.clamp(0.8, 1.2)).mean()
        return policy - 0.01 * entropy.mean() + 0.5 * ((value - aim) ** 2).mean()

    criterion = script.wrap(ppo)

    def loss(number: int) -> Tensor:
        out, action, gain, aim = (
            model(script.randn(6, 3)),
            script.randint(4, 6),
            script.randn(6),
            script.randn(6),
        )
        chosen, old = torch.distributions.Categorical(logits=out[:, :4]), script.randn(6) - 1.5
        if script.is_by_hand:
            ratio = (chosen.log_prob(action) - old).exp()
            a = torch.max(-gain * ratio, -gain * ratio.clamp(0.8, 1.2))
            b, c = -chosen.entropy(), (out[:, 4] - aim) ** 2
            terms = [(script.factors(one, name) * one).mean() for one, name in ((a, "a"), (b, "b"), (c, "c"))]
            return terms[0] + 0.01 * terms[1] + 0.5 * terms[2]
        return criterion(chosen.log_prob(action) - old, gain, out[:, 4], aim, chosen.entropy())

    script.train(model, loss)


def early_learning(script: Script) -> None:
    """ELR: a memory of predictions and a term of its own in the criterion."""
    model, memory = script.model(3, 4), torch.zeros(9, 4, dtype=torch.float64)

    def terms(index: Tensor, scores: Tensor) -> Tensor:
        p = scores.softmax(1).clamp(1e-4, 1 - 1e-4)
        memory[index] = 0.7 * memory[index] + 0.3 * (p.data / p.data.sum(1, keepdim=True))
        return (1 - (memory[index] * p).sum(1)).log()

    def elr(index: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(scores, labels) + 3 * terms(index, scores).mean()

    criterion = script.wrap(elr)

    def loss(number: int) -> Tensor:
        index = torch.randperm(9, generator=script.generator)[:6]
        x, y = script.randn(6, 3), script.randint(4, 6)
        if script.is_by_hand:
            a, b = F.cross_entropy(model(x), y, reduction="none"), terms(index, model(x))
            return (script.factors(a, "a") * a).mean() + 3 * (script.factors(b, "b") * b).mean()
        return criterion(index, model(x), y)

    script.train(model, loss)


def gradient_penalty(script: Script) -> None:
    """R1: a penalty on the gradient of the scores beside a binary cross-entropy of a discriminator."""
    model = nn.Sequential(script.model(2, 5), nn.Softplus(), script.model(5, 1))
    criterion = script.wrap(nn.BCEWithLogitsLoss())

    def loss(number: int) -> Tensor:
        real, fake = script.randn(6, 2).requires_grad_(), script.randn(6, 2)
        a, b = model(real).view(-1), model(fake).view(-1)
        (slope,) = torch.autograd.grad(a.sum(), real, create_graph=True)
        penalty = slope.pow(2).sum(1).mean()
        if script.is_by_hand:
            one = F.binary_cross_entropy_with_logits(a, torch.ones_like(a), reduction="none")
            two = F.binary_cross_entropy_with_logits(b, torch.zeros_like(b), reduction="none")
            return (
                (script.factors(one, "real") * one).mean()
                + (script.factors(two, "fake") * two).mean()
                + 5 * penalty
            )
        of_real = criterion(a, torch.ones_like(a))
        of_fake = criterion(b, torch.zeros_like(b))
        return of_real + of_fake + 5 * penalty

    script.train(model, loss)


CASES: list[tuple[Trained, str]] = [
    (learned_uncertainty, "capture wrap weigh"),
    (decoder_over_time_steps, "capture wrap"),
    (distillation, "capture wrap"),
    (variational_autoencoder, "capture"),
    (hinge_gan, "wrap"),
    (hardest_examples, "capture wrap"),
    (small_losses_of_the_other_net, "capture"),
    (pictures_and_texts, "capture wrap"),
    (policy_and_value, "wrap"),
    (early_learning, "wrap"),
    (gradient_penalty, "capture wrap"),
]


@pytest.mark.parametrize(
    ("train", "way"),
    [pytest.param(train, way, id=f"{train.__name__}-{way}") for train, ways in CASES for way in ways.split()],
)
def test_a_public_script_is_weighed_as_by_hand_and_is_itself_with_lambda_off(
    train: Trained, way: str
) -> None:
    assert differences(train, way) == []
