"""What a user can ask of the presets, and what each keeps from batch to batch."""

from __future__ import annotations

import io
import math

import pytest
import torch
from torch import Tensor

from absgd_worker.weights import Normaliser, Rule, Statistics, read_statistics

RULES = (Rule(), Rule("paper"), Rule("reference"), Rule("reference", 0.5), Rule("reference", 0.5, True))
rules = pytest.mark.parametrize("rule", RULES, ids=str)


def normaliser_of(rule: Rule, on_device: bool | None = None) -> Normaliser:
    return Normaliser(rule.preset, alpha=rule.alpha, floor=rule.floor, on_device=on_device)


def batches(seed: int, count: int, n: int = 16) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [4 * torch.rand(n, generator=random, dtype=torch.float64) ** 3 for _ in range(count)]


def statistics_of(normaliser: Normaliser, losses_B: Tensor, lam: float, gamma: float) -> Statistics:
    return read_statistics(normaliser.weigh(losses_B, lam=lam, gamma=gamma).statistics)


@pytest.mark.parametrize("gamma", [0.1, 0.9])
def test_the_paper_is_its_linear_recurrence_from_the_first_batch_on(gamma, on_device):
    normaliser = Normaliser("paper", on_device=on_device)
    s = math.nan
    for step, losses_B in enumerate(batches(0, 60)):
        lam = [2.0, 1.0, -1.0, 5.0][step // 15]
        exponentials_B = (losses_B / lam).exp()
        mean = exponentials_B.mean().item()
        s = mean if step == 0 else (1 - gamma) * s + gamma * mean
        weights_B = normaliser.weigh(losses_B, lam=lam, gamma=gamma).weights_B
        torch.testing.assert_close(weights_B, exponentials_B / (16 * s), rtol=1e-11, atol=0)


@rules
def test_statistics_are_those_of_the_weights(rule, on_device):
    normaliser = normaliser_of(rule, on_device)
    for step, losses_B in enumerate(batches(1, 12)):
        lam = [0.5, 0.5, 200.0, 0.8, -1.0, -1.0][step // 2]
        weights_B, statistics = normaliser.weigh(losses_B, lam=lam, gamma=0.4)
        found = read_statistics(statistics)
        assert found.sum_w == pytest.approx(weights_B.sum().item(), rel=1e-12)
        assert found.sum_w2 == pytest.approx(weights_B.square().sum().item(), rel=1e-12)
        assert found.sum_wl == pytest.approx(weights_B.dot(losses_B).item(), rel=1e-12)
        assert found.max_w == pytest.approx(weights_B.max().item(), rel=1e-12)
        if not rule.is_off(lam):
            # What the exponentials add to Σw tells a reader whether there is a floor.
            tilted = math.exp(found.m - found.free_energy / lam)
            assert found.sum_w - tilted == pytest.approx(float(rule.floor), abs=1e-9)


@pytest.mark.parametrize("preset", ["paper", "reference"])
def test_nothing_holds_the_normaliser_in_the_presets_for_parity(preset):
    normaliser = Normaliser(preset)
    statistics_of(normaliser, torch.full((4,), 100.0), 1.0, 0.9)
    after = statistics_of(normaliser, torch.zeros(4), 1.0, 0.9)
    assert after.capped == 0
    assert 0 < after.sum_w < 1e-40
    assert statistics_of(normaliser, torch.full((4,), 1e6), 1.0, 1e-12).sum_w == pytest.approx(1e12)


@pytest.mark.parametrize("preset", ["paper", "reference"])
def test_off_leaves_no_trace_in_the_presets_for_parity(preset, on_device):
    one, other = (Normaliser(preset, on_device=on_device) for _ in range(2))
    for step, losses_B in enumerate(batches(2, 8)):
        if step in (0, 4):
            before = one.state_dict()
            statistics = statistics_of(one, losses_B, math.inf, 0.3)
            assert repr(one.state_dict()) == repr(before)
            assert repr(statistics.free_energy) == repr(before["free_energy"])
        lam = -1.0 if step < 4 else -0.8
        weighed = [normaliser.weigh(losses_B, lam=lam, gamma=0.3).weights_B for normaliser in (one, other)]
        assert torch.equal(*weighed)


@rules
def test_a_saved_state_gives_a_bit_equal_next_step(rule, on_device):
    normaliser, restored = normaliser_of(rule, on_device), normaliser_of(rule, on_device)
    history = batches(3, 12)
    for step, losses_B in enumerate(history[:8]):
        normaliser.weigh(losses_B, lam=-5 * 0.9**step, gamma=0.3)
    file = io.BytesIO()
    torch.save(normaliser.state_dict(), file)
    file.seek(0)
    restored.load_state_dict(torch.load(file, weights_only=True))
    assert restored.state_dict() == normaliser.state_dict()
    for step, losses_B in enumerate(history[8:], 8):
        expected = normaliser.weigh(losses_B, lam=-5 * 0.9**step, gamma=0.3)
        actual = restored.weigh(losses_B, lam=-5 * 0.9**step, gamma=0.3)
        assert torch.equal(actual.weights_B, expected.weights_B)
        assert read_statistics(actual.statistics) == read_statistics(expected.statistics)


@pytest.mark.parametrize("rule", RULES[1:], ids=str)
def test_host_and_device_agree_on_a_random_course(rule):
    host, device = normaliser_of(rule, False), normaliser_of(rule, True)
    lams = [0.5, 0.6, 1.5, -1.5, math.inf, -1.0, -0.05, 0.05, 200.0, 0.05]
    for step, losses_B in enumerate(batches(4, 60)):
        spoiled_B = torch.where(losses_B > 3.9, math.nan, losses_B) if step % 7 == 0 else losses_B
        lam, gamma = lams[step % len(lams)], [0.1, 0.5, 1.0][step % 3]
        expected = host.weigh(spoiled_B, lam=lam, gamma=gamma)
        actual = device.weigh(spoiled_B, lam=lam, gamma=gamma)
        torch.testing.assert_close(actual.weights_B, expected.weights_B, rtol=1e-9, atol=1e-300)
        assert isinstance(actual.statistics, Tensor)
        torch.testing.assert_close(
            actual.statistics,
            torch.tensor(list(expected.statistics), dtype=torch.float64),
            rtol=1e-9,
            atol=1e-12,
            equal_nan=True,
        )


@rules
def test_the_device_path_reads_no_number_back(rule):
    """Tensors on "meta" have no numbers: to wait for one is an error."""
    normaliser = normaliser_of(rule)
    for lam in (math.inf, 1.0, 0.9, -1.0, 200.0, math.inf):
        weighed = normaliser.weigh(torch.empty(8, device="meta"), lam=lam, gamma=0.9)
        assert isinstance(weighed.statistics, Tensor)
        assert weighed.statistics.shape == (len(Statistics._fields),)


@pytest.mark.parametrize("saved", RULES, ids=str)
@pytest.mark.parametrize("mine", RULES, ids=str)
def test_a_state_of_another_rule_is_refused_by_name(saved, mine):
    state = normaliser_of(saved).state_dict()
    if saved == mine:
        normaliser_of(mine).load_state_dict(state)
        return
    with pytest.raises(ValueError, match=f"one of the rule '{saved}', this weighing follows '{mine}': go on"):
        normaliser_of(mine).load_state_dict(state)


def test_a_state_from_before_there_were_presets_is_one_of_the_default():
    state = {"free_energy": 1.0, "kl": 0.1, "lam": 2.0, "seen": 0.9}
    normaliser = Normaliser()
    normaliser.load_state_dict(state)
    assert normaliser.state_dict() == {"rule": "default", **state}
    with pytest.raises(ValueError, match="one of the rule 'default', this weighing follows 'paper'"):
        Normaliser("paper").load_state_dict(state)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"preset": "papr"}, "preset is 'papr', must be one of default, paper, reference"),
        ({"preset": "reference", "alpha": 0.0}, "alpha is 0.0, must be finite and above 0"),
        ({"preset": "reference", "alpha": math.inf}, "alpha is inf"),
        ({"preset": "reference", "alpha": math.nan}, "alpha is nan"),
        ({"preset": "paper", "alpha": 0.5}, "only the preset 'reference' takes them, not 'paper'"),
        ({"floor": True}, "only the preset 'reference' takes them, not 'default'"),
    ],
)
def test_a_rule_that_does_not_exist_is_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        Normaliser(**parts)
