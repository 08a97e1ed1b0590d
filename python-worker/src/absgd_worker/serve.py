"""`python -m absgd_worker.serve`: a worker of a run, from its environment to its exit code.

Exit codes: 0 completed or stopped, 1 failed, 75 no controller was there for too long.
"""

from __future__ import annotations

import os
import signal
import sys

import torch

from absgd_worker.console import complain, count, say
from absgd_worker.link.channel import Channel
from absgd_worker.link.command_loop import WorkerFault
from absgd_worker.link.environment import Settings, read_settings
from absgd_worker.link.failure import describe_failure
from absgd_worker.link.hello import objection
from absgd_worker.link.messages import Bye, Reason
from absgd_worker.link.telemetry import Telemetry
from absgd_worker.link.thread_exchange import ThreadExchange
from absgd_worker.task.build import build_task
from absgd_worker.task.task import Task
from absgd_worker.training.actions import Actions
from absgd_worker.training.hello import introduction, objection_to_params
from absgd_worker.training.loop import Loop
from absgd_worker.training.trainer import Trainer
from absgd_worker.version import VERSION


def main() -> int:
    """Serves one run. Returns the exit code."""
    # The controller alone decides what Ctrl-C means; the signal reaches every process of a terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        settings = read_settings(os.environ)
        task, context = build_task(settings)
        exchange = ThreadExchange()
        trainer = Trainer(task, context, exchange.standing)
    except (Exception, SystemExit) as error:
        # There is no lease yet under which the controller could be told: it shows the last lines of this.
        complain(describe_failure(error).text)
        return 1
    loop = Loop(trainer, exchange, Actions(trainer, exchange, settings.address.run_dir, seed=context.seed))
    channel = _open_channel(settings, trainer, exchange)
    signal.signal(signal.SIGTERM, lambda *_: loop.helm.terminate())
    _say_what_starts(settings, task)
    channel.start()
    try:
        bye = _train(loop, exchange)
        return EXIT_CODES[bye.reason]
    except WorkerFault as error:
        complain(f"absgd worker: {error}")
        return error.exit_code
    finally:
        channel.close()


def _train(loop: Loop, exchange: ThreadExchange) -> Bye:
    welcome = loop.helm.await_welcome()
    try:
        bye = loop.run(welcome)
    except WorkerFault:
        raise
    except (Exception, SystemExit) as error:
        failure = describe_failure(error)
        complain(failure.text)
        bye = Bye(Reason.FAILED, exchange.standing.position, failure.message, failure.traceback)
    loop.helm.leave(bye)
    return bye


def _open_channel(settings: Settings, trainer: Trainer, exchange: ThreadExchange) -> Channel:
    incarnation = int.from_bytes(os.urandom(8), "big")
    telemetry = Telemetry(
        trainer.task,
        origin=settings.worker,
        incarnation=incarnation,
        directory=settings.address.run_dir / "spool",
    )
    return Channel(
        (settings.address.control, settings.address.telemetry),
        exchange,
        telemetry,
        introduce=lambda: introduction(settings, trainer, exchange, incarnation),
        object_to=lambda welcome: (
            objection(settings.address.run, welcome, exchange.welcome)
            or objection_to_params(settings.params, welcome)
        ),
    )


def _say_what_starts(settings: Settings, task: Task) -> None:
    say(
        f"absgd worker {VERSION}: run {settings.address.run}, task {settings.task}, {task.device}, torch "
        f"{torch.__version__}, "
        f"{count(torch.get_num_threads(), 'thread')}, {count(task.size, 'sample')} in batches of "
        f"{task.batch_size:,}, "
        f"pid {os.getpid()}"
    )


EXIT_CODES = {Reason.COMPLETED: 0, Reason.STOPPED: 0, Reason.FAILED: 1, Reason.ORPHANED: 75}

if __name__ == "__main__":
    sys.exit(main())
