"""Loading processes: what they read is what training itself would read, and they are gone when it ends."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from contextlib import closing

import pytest
import torch
from torch.utils.data import default_collate

from absgd_worker.errors import LoadingError, TaskError
from absgd_worker.link.failure import describe_failure
from absgd_worker.task.prediction import predict
from absgd_worker.task.random_state import seed_all
from augmented_task import ROW, Augmented, mixed, same, served_of, state_of, task_of
from in_one_thread import train_rows

# The DataLoader warns of more processes than there are cores.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

SIZE, STEPS = 22, 14


def trained(data, *, steps=STEPS, **options):
    """The batches, the reports and the end of a run."""
    seen = []
    served = served_of(task_of(data, seen, **options))
    with closing(served.trainer):
        seed_all(5)
        entries = train_rows(served, [ROW] * steps)
    return seen, entries, [*state_of(served), served.trainer.sampler.consumed]


def report_of(entry):
    indices = None if entry.indices_B is None else entry.indices_B.tolist()
    return (entry.step, entry.losses_B.tolist(), entry.weights_B.tolist(), indices, entry.metrics)


@pytest.mark.parametrize("options", [{}, {"collate": mixed}, {"drop_last": True, "prefetch_factor": 3}])
@pytest.mark.parametrize("workers", [1, 4])
def test_a_run_with_loading_processes_is_bit_for_bit_one_without(workers, options):
    alone = {name: value for name, value in options.items() if name != "prefetch_factor"}
    batches, entries, end = trained(Augmented(SIZE), **alone)
    found, found_entries, found_end = trained(Augmented(SIZE), num_workers=workers, **options)
    assert same(batches, found)
    assert list(map(report_of, entries)) == list(map(report_of, found_entries))
    assert same(end, found_end)


def test_samples_that_are_left_out_belong_to_the_same_steps():
    data = Augmented(SIZE, raising=[3, 8, 9, 10, 11], none=[1, 15])
    batches, entries, end = trained(data, on_bad_sample="skip")
    found, found_entries, found_end = trained(data, on_bad_sample="skip", num_workers=3)
    assert same(batches, found)
    assert list(map(report_of, entries)) == list(map(report_of, found_entries))
    assert any((entry.metrics or {}).get("skipped_samples") for entry in entries)
    assert same(end, found_end)


def test_a_sample_is_left_out_when_its_step_is_trained_and_not_when_it_is_read():
    data = Augmented(SIZE, raising=range(SIZE))
    served = served_of(task_of(data, on_bad_sample="skip", num_workers=2, prefetch_factor=2))
    with closing(served.trainer):
        train_rows(served, [ROW])
        assert len(served.trainer.batches.left_out) == 4
        assert served.trainer.state_dict(served.exchange.status.position)["sampler"]["consumed"] == 4


@pytest.mark.parametrize(
    "options", [{}, {"num_workers": 2, "data": (torch.zeros(8, 4).double(), torch.arange(8) % 3)}]
)
def test_no_process_is_started_without_loading_processes_or_for_tensors(options):
    data = options.pop("data", Augmented(SIZE))
    seen = []
    served = served_of(task_of(data, seen, **options))
    with closing(served.trainer):
        served.trainer.start_loading()
        train_rows(served, [ROW])
        assert multiprocessing.active_children() == []


def test_predictions_are_those_of_a_run_without_loading_processes_and_training_goes_on_where_it_was():
    def predictions(served):
        pieces = []
        task, loader = served.trainer.task, served.trainer.loader
        assert predict(task, pieces.append, attempt=1, step=3, seed=3, loader=loader)
        return pieces

    def run(**options):
        seen = []
        task = task_of(Augmented(SIZE), seen, predict=lambda model, batch: model(batch[0]), **options)
        served = served_of(task)
        with closing(served.trainer):
            seed_all(5)
            train_rows(served, [ROW] * 3)
            pieces = predictions(served)
            train_rows(served, [ROW] * 3)
        return pieces, seen

    pieces, seen = run()
    found, found_seen = run(num_workers=2)
    assert pieces == found
    assert same(seen, found_seen)


def failure_of(data, **options):
    with pytest.raises(TaskError) as raised:
        trained(data, steps=2 * SIZE, num_workers=2, ids=[f"img {index}" for index in range(SIZE)], **options)
    assert multiprocessing.active_children() == []
    return describe_failure(raised.value)


def test_an_exception_of_the_data_set_names_the_sample_and_has_its_traceback():
    failure = failure_of(Augmented(SIZE, raising=[5]))
    assert failure.message.startswith(
        "sample 5 (img 5) cannot be read: OSError: cannot identify image file 5.png; repair it, or leave"
    )
    assert "in __getitem__" in failure.traceback
    assert failure.traceback.rstrip().endswith("OSError: cannot identify image file 5.png")
    assert "absgd_worker" not in failure.traceback


def test_an_exception_of_collate_names_the_samples_and_has_its_traceback():
    def collate(samples):
        raise KeyError("no such column")

    failure = failure_of(Augmented(SIZE), collate=collate)
    assert failure.message.startswith("collate failed on the samples ")
    assert failure.message.endswith("KeyError: 'no such column'")
    assert "in collate" in failure.traceback


def test_a_sample_that_is_none_is_named():
    failure = failure_of(Augmented(SIZE, none=[5]))
    assert failure.message.startswith("sample 5 (img 5) is None; repair it")


def test_a_data_set_that_exits_its_process_is_told_not_to():
    failure = failure_of(Augmented(SIZE, leaving=[5]))
    assert failure.message == "the task ended the process with sys.exit(3), which a task must not do"


@pytest.mark.parametrize(
    ("collate", "message"),
    [
        (
            lambda samples: (sample for sample in samples),
            "TypeError: cannot pickle 'generator' object; return",
        ),
        (
            lambda samples: torch.ones(2, requires_grad=True) * 2,
            "ValueError: a tensor in it has a gradient's",
        ),
    ],
)
def test_a_batch_that_cannot_be_sent_is_an_error_and_not_waited_for(collate, message):
    failure = failure_of(Augmented(SIZE), collate=collate)
    assert failure.message.startswith(f"a batch cannot be sent from a loading process: {message}")


def test_a_later_batch_that_cannot_be_sent_is_an_error_too():
    calls = itertools.count()

    def collate(samples):
        return default_collate(samples) if next(calls) < 3 else (one for one in samples)

    failure = failure_of(Augmented(SIZE), collate=collate)
    assert failure.message.startswith("a batch cannot be sent from a loading process: TypeError")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (
            signal.SIGKILL,
            r"\(pid \d+\) was killed by SIGKILL: the system does this when memory runs out; use",
        ),
        (signal.SIGBUS, r"\(pid \d+\) was killed by SIGBUS: shared memory \(/dev/shm\) may be full; make"),
    ],
)
def test_a_loading_process_that_is_killed_while_it_is_waited_for_is_an_error_that_says_how(number, message):
    with pytest.raises(LoadingError, match=message):
        trained(Augmented(SIZE, dying={5: number}), num_workers=2)
    assert multiprocessing.active_children() == []


def test_a_loading_process_that_is_killed_during_a_step_is_an_error_of_the_next_batch_and_not_before():
    served = served_of(task_of(Augmented(SIZE), num_workers=2))
    with closing(served.trainer):
        train_rows(served, [ROW])
        process = multiprocessing.active_children()[0]
        assert process.pid is not None
        process.kill()
        # Waits for its end, and leaves its status to the DataLoader, which raises from a signal handler.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert served.trainer.state_dict(served.exchange.status.position)["sampler"]["consumed"] == 4
        with pytest.raises(LoadingError, match="was killed by SIGKILL"):
            train_rows(served, [ROW])


def test_a_signal_to_the_whole_group_does_not_end_loading_processes():
    served = served_of(task_of(Augmented(SIZE), num_workers=2))
    with closing(served.trainer):
        train_rows(served, [ROW])
        for process in multiprocessing.active_children():
            assert process.pid is not None
            for number in (signal.SIGTERM, signal.SIGINT):
                os.kill(process.pid, number)
        train_rows(served, [ROW] * 12)
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []
