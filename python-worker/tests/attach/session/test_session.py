"""A session: its steps, its state, and its errors."""

from __future__ import annotations

import copy
import math
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach import api
from absgd_worker.attach.errors import SessionError
from absgd_worker.attach.session.steps.accumulation import NamedWeighing
from absgd_worker.weights import Normaliser, Rule, read_statistics
from recorder import Recorder, a_model, batches, labels, points


def test_a_step_is_an_optimizer_step_after_a_weighed_loss() -> None:
    model, optimizer = a_model()
    other = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    with api.session(source=Recorder()) as session:
        criterion = api.wrap(nn.CrossEntropyLoss())
        for number, batch in enumerate(batches(8)):
            criterion(model(points[batch]), labels[batch]).backward()
            other.step()
            if number % 4 == 3:
                optimizer.step()
        # A step of the other optimizer ends the step of the losses before it; without losses none is counted.
        assert (session.step, session.captured) == (8, 8)


def test_the_micro_batches_of_a_step_are_reported_as_one() -> None:
    model, optimizer = a_model()
    model.requires_grad_()
    together, apart = Recorder(**{"lambda": math.inf}), Recorder(**{"lambda": math.inf})
    for source, size in ((together, 32), (apart, 8)):
        with api.session(source=source):
            criterion = api.wrap(nn.CrossEntropyLoss())
            for number, batch in enumerate(batches(size)):
                (criterion(model(points[batch]), labels[batch]) * size / 32).backward()
                if (number + 1) * size % 32 == 0:
                    optimizer.step()
                    model.load_state_dict(a_model()[0].state_dict())
    assert [entry.losses_B.shape[0] for entry in apart.entries] == [32, 32]
    for one, other in zip(together.entries, apart.entries, strict=True):
        assert one.statistics is not None
        assert other.statistics is not None
        wanted, found = read_statistics(one.statistics), read_statistics(other.statistics)
        for name in ("n", "sum_w", "sum_w2", "sum_wl", "max_w", "mean_loss", "non_finite"):
            assert getattr(found, name) == pytest.approx(getattr(wanted, name), rel=1e-6)
        assert torch.allclose(one.losses_B, other.losses_B)


def test_several_calls_in_a_step_update_the_estimate_like_one_call() -> None:
    losses = torch.rand(32, generator=torch.Generator().manual_seed(4)).double() + 1
    weighing, whole = NamedWeighing(Rule(), 32), Normaliser()
    for _ in range(20):
        for loss in losses:
            weighing.weigh(loss.reshape(1), {"lambda": -2.0, "gamma": 0.5})
        whole.weigh(losses, lam=-2.0, gamma=0.5)
        weighing.end_step()
    estimate = weighing.state_dict()["normaliser"]["free_energy"]
    assert estimate == pytest.approx(whole.state_dict()["free_energy"], abs=0.02)
    each = Normaliser()
    for _ in range(20):
        for loss in losses:
            each.weigh(loss.reshape(1), lam=-2.0, gamma=1 - 0.5 ** (1 / 32))
    assert estimate == pytest.approx(each.state_dict()["free_energy"], rel=1e-12)


def test_the_expected_number_of_calls_is_that_of_the_step_before() -> None:
    known, learnt = NamedWeighing(Rule(), 4), NamedWeighing(Rule(), None)
    for _ in range(4):
        learnt.weigh(torch.ones(3), {"lambda": -1.0, "gamma": 0.5})
    learnt.end_step()
    learnt.load_state_dict({**learnt.state_dict(), "normaliser": known.state_dict()["normaliser"]})
    for losses in (torch.rand(3), torch.rand(3)):
        weights = [one.weigh(losses, {"lambda": -1.0, "gamma": 0.5})[0] for one in (known, learnt)]
        assert torch.equal(*weights)


def test_a_step_that_the_scaler_skips_does_not_count() -> None:
    model, optimizer = a_model()
    source = Recorder()
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    with api.session(source=source) as session:
        criterion = api.wrap(nn.CrossEntropyLoss())
        for number, batch in enumerate(batches(16)):
            optimizer.zero_grad()
            scaler.scale(criterion(model(points[batch]), labels[batch])).backward()
            if number == 1:
                optimizer.param_groups[0]["params"][0].grad.fill_(math.inf)
            scaler.step(optimizer)
            scaler.update()
        assert (session.step, session.captured) == (3, 4)
    assert [entry.losses_B.shape[0] for entry in source.entries] == [16, 16, 16]


def test_a_criterion_that_is_created_again_continues_the_same_estimate() -> None:
    def trained(anew: bool) -> Tensor:
        model, optimizer = a_model()
        with api.session(lam=-0.5, gamma=0.3):
            criterion = api.wrap(nn.CrossEntropyLoss())
            for batch in batches(16):
                criterion = api.wrap(nn.CrossEntropyLoss()) if anew else criterion
                criterion(model(points[batch]), labels[batch]).backward()
                optimizer.step()
        return model.weight.detach()

    assert torch.equal(trained(True), trained(False))


def test_a_saved_session_resumes_bit_for_bit() -> None:
    def part(model: nn.Linear, optimizer: torch.optim.Optimizer, session: api.Session, first: int) -> None:
        criterion = api.wrap(nn.CrossEntropyLoss())
        for batch in list(batches(8))[first : first + 4]:
            optimizer.zero_grad()
            criterion(model(points[batch]), labels[batch]).backward()
            optimizer.step()

    model, optimizer = a_model()
    lam = lambda step: -1.0 - 0.1 * step  # noqa: E731
    with api.session(lam=lam, gamma=0.3) as session:
        part(model, optimizer, session, 0)
        saved = copy.deepcopy((model.state_dict(), session.state_dict()))
        part(model, optimizer, session, 4)
    resumed, optimizer = a_model()
    resumed.load_state_dict(saved[0])
    with api.session(lam=lam, gamma=0.3) as session:
        session.load_state_dict(saved[1])
        assert session.step == 4
        part(resumed, optimizer, session, 4)
    assert torch.equal(model.weight, resumed.weight)


def test_each_loss_of_a_step_has_its_own_state_and_all_share_one_report() -> None:
    model, optimizer = a_model()
    source = Recorder()
    with api.session(source=source):
        first, second = api.wrap(nn.CrossEntropyLoss(), name="a"), api.wrap(nn.MSELoss(), name="b")
        for batch in batches(32):
            out = model(points[batch])
            (first(out, labels[batch]) + second(out, points[batch])).backward()
            optimizer.step()
    assert [(entry.name, [name for name, _ in entry.others]) for entry in source.entries] == [
        ("a", ["b"])
    ] * 2


def test_the_users_numbers_and_controls_belong_to_the_step() -> None:
    model, optimizer = a_model()
    source = Recorder(dropout=0.25)
    with api.session(source=source):
        assert api.control("dropout", 0.5) == 0.25
        assert api.control("other", 0.5) == 0.5
        api.log(acc=0.75)
        api.wrap(nn.CrossEntropyLoss())(model(points), labels).backward()
        optimizer.step()
    assert source.entries[0].metrics == {"acc": 0.75}
    assert source.entries[0].controls["dropout"] == 0.25


def test_a_loss_in_another_thread_such_as_a_replica_of_data_parallel_is_refused() -> None:
    model, _ = a_model()
    caught: list[BaseException] = []

    def replica() -> None:
        try:
            criterion(model(points), labels)
        except SessionError as error:
            caught.append(error)

    with api.session(source=Recorder()):
        criterion = api.wrap(nn.CrossEntropyLoss())
        thread = threading.Thread(target=replica)
        thread.start()
        thread.join()
    assert "DataParallel" in str(caught[0])


def test_several_ranks_are_refused_unless_lambda_is_off_or_rank_local_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    model, _ = a_model()
    with (
        api.session(lam=-1.0),
        pytest.raises(SessionError, match=r'2 ranks train.*normaliser="rank-local".*--normaliser'),
    ):
        api.wrap(nn.CrossEntropyLoss())(model(points), labels)
    for options in ({"lam": math.inf}, {"lam": -1.0, "normaliser": "rank-local"}):
        with api.session(**options):  # type: ignore[arg-type]
            api.wrap(nn.CrossEntropyLoss())(model(points), labels)


def test_a_session_in_a_session_is_refused_and_one_may_follow_another() -> None:
    with api.session(), pytest.raises(SessionError, match="a session is entered already"), api.session():
        pass
    with api.session() as session:
        assert api.current() is session


def test_outside_of_any_session_the_criterion_sets_lambda() -> None:
    model, _ = a_model()
    criterion = api.wrap(nn.CrossEntropyLoss(), lam=-0.5)
    plain = F.cross_entropy(model(points), labels)
    assert not torch.equal(criterion(model(points), labels), plain)
    with api.session() as session:
        assert torch.equal(criterion(model(points), labels), plain)
        assert session.captured == 1


def test_the_recorder_gets_the_error_that_ended_the_session() -> None:
    ended = Recorder()
    with api.session(source=ended):
        pass
    failed = Recorder()
    with pytest.raises(ZeroDivisionError), api.session(source=failed):
        raise ZeroDivisionError
    assert ended.closed == [None]
    assert [type(error) for error in failed.closed] == [ZeroDivisionError]
