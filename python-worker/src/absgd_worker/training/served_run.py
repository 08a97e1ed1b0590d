"""Serves one run of a controller: builds its task, trains it, and says how that ended."""

from __future__ import annotations

import os
import signal

import torch

from absgd_worker.console import complain, count, say
from absgd_worker.link.await_settings import await_settings
from absgd_worker.link.command_loop import CommandLoop, WorkerFault
from absgd_worker.link.courier_process import Courier
from absgd_worker.link.environment import Settings, read_settings
from absgd_worker.link.exchange import Exchange
from absgd_worker.link.failure import describe_failure
from absgd_worker.link.hello import objection
from absgd_worker.link.open_courier import new_incarnation, serve_controller
from absgd_worker.link.wire.messages import Bye, Reason, Welcome
from absgd_worker.task.build import build_task
from absgd_worker.task.task import Task
from absgd_worker.training.actions import Actions
from absgd_worker.training.hello import introduction, objection_to_params
from absgd_worker.training.loop import prepare, train
from absgd_worker.training.trainer import Trainer
from absgd_worker.version import VERSION


def serve_run(courier: Courier) -> int:
    """Serves the run that the environment variables name. Returns the exit code."""
    await_settings()
    try:
        settings = read_settings(os.environ)
        task, context = build_task(settings)
        trainer = Trainer(task, context)
        # Before anything is connected: loading processes get copies of what this process has open.
        trainer.start_loading()
    except (Exception, SystemExit) as error:
        # There is no connection to report this on: the controller shows the last lines of stderr.
        complain(describe_failure(error).text)
        courier.close()
        return 1
    try:
        return _serve(settings, trainer, courier)
    finally:
        trainer.close()


def _serve(settings: Settings, trainer: Trainer, courier: Courier) -> int:
    exchange = _exchange_with(courier, settings, trainer)
    actions = Actions(trainer, exchange, settings.address.run_dir, seed=trainer.context.seed)
    commands = CommandLoop(exchange, actions)
    signal.signal(signal.SIGTERM, lambda *_: commands.terminate())
    _print_start_line(settings, trainer.task)
    try:
        welcome = commands.await_welcome()
        bye = _train(welcome, trainer, exchange, commands, actions)
        commands.send_bye(bye)
        return EXIT_CODES[bye.reason]
    except WorkerFault as error:
        complain(f"absgd worker: {error}")
        return error.exit_code
    finally:
        courier.close()


def _train(
    welcome: Welcome, trainer: Trainer, exchange: Exchange, commands: CommandLoop, actions: Actions
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


def _exchange_with(courier: Courier, settings: Settings, trainer: Trainer) -> Exchange:
    def object_to(welcome: Welcome, earlier: Welcome | None) -> str | None:
        return objection(settings.address.run, welcome, earlier) or objection_to_params(
            settings.params, welcome
        )

    return serve_controller(
        courier,
        settings.address,
        introduction(settings, trainer, new_incarnation()),
        origin=settings.worker,
        samples=trainer.task,
        object_to=object_to,
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
