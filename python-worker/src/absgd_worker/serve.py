"""`python -m absgd_worker.serve`: serves one run of a controller, which environment variables name.

Exit codes: 0 completed or stopped, 1 failed, 75 no controller was heard for longer than the orphan limit.
"""

from __future__ import annotations

import os
import signal

import torch

from absgd_worker.console import complain, count, say
from absgd_worker.link.await_settings import await_settings
from absgd_worker.link.channel import Channel
from absgd_worker.link.command_loop import CommandLoop, WorkerFault
from absgd_worker.link.end_process import end_process
from absgd_worker.link.environment import Settings, read_settings
from absgd_worker.link.failure import describe_failure
from absgd_worker.link.telemetry import Telemetry
from absgd_worker.link.thread_exchange import ThreadExchange
from absgd_worker.link.wire.hello import objection
from absgd_worker.link.wire.messages import Bye, Reason, Welcome
from absgd_worker.task.build import build_task
from absgd_worker.task.task import Task
from absgd_worker.training.actions import Actions
from absgd_worker.training.hello import introduction, objection_to_params
from absgd_worker.training.loop import prepare, train
from absgd_worker.training.trainer import Trainer
from absgd_worker.version import VERSION


def main() -> int:
    """Serves one run. Returns the exit code."""
    # Ctrl-C in a terminal reaches every process; only the controller decides what it does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    await_settings()
    try:
        settings = read_settings(os.environ)
        task, context = build_task(settings)
        exchange = ThreadExchange()
        trainer = Trainer(task, context, exchange.status)
        # Before the channel has sockets and a thread, of which loading processes would get copies.
        trainer.start_loading()
    except (Exception, SystemExit) as error:
        # There is no connection to report this on: the controller shows the last lines of stderr.
        complain(describe_failure(error).text)
        return 1
    try:
        return _serve(settings, trainer, exchange)
    finally:
        trainer.close()


def _serve(settings: Settings, trainer: Trainer, exchange: ThreadExchange) -> int:
    actions = Actions(trainer, exchange, settings.address.run_dir, seed=trainer.context.seed)
    commands = CommandLoop(exchange, actions)
    channel = _make_channel(settings, trainer, exchange)
    signal.signal(signal.SIGTERM, lambda *_: commands.terminate())
    _print_start_line(settings, trainer.task)
    channel.start()
    try:
        welcome = commands.await_welcome()
        bye = _train(welcome, trainer, exchange, commands, actions)
        commands.send_bye(bye)
        return EXIT_CODES[bye.reason]
    except WorkerFault as error:
        complain(f"absgd worker: {error}")
        return error.exit_code
    finally:
        channel.close()


def _train(
    welcome: Welcome, trainer: Trainer, exchange: ThreadExchange, commands: CommandLoop, actions: Actions
) -> Bye:
    try:
        prepare(welcome, trainer, exchange, actions)
        return train(trainer, exchange, commands, actions)
    except WorkerFault:
        raise
    except (Exception, SystemExit) as error:
        failure = describe_failure(error)
        complain(failure.text)
        return Bye(Reason.FAILED, exchange.status.position, failure.message, failure.traceback)


def _make_channel(settings: Settings, trainer: Trainer, exchange: ThreadExchange) -> Channel:
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


def _print_start_line(settings: Settings, task: Task) -> None:
    say(
        f"absgd worker {VERSION}: run {settings.address.run}, task {settings.task}, {task.device}, torch "
        f"{torch.__version__}, "
        f"{count(torch.get_num_threads(), 'thread')}, {count(task.size, 'sample')} in batches of "
        f"{task.batch_size:,}, "
        f"pid {os.getpid()}"
    )


EXIT_CODES = {Reason.COMPLETED: 0, Reason.STOPPED: 0, Reason.FAILED: 1, Reason.ORPHANED: 75}

if __name__ == "__main__":
    end_process(main())
