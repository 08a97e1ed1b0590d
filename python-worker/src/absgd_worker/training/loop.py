"""The training loop of a served task.

Shapes: B samples in a batch.
"""

from __future__ import annotations

import time

from absgd_worker.console import count, say
from absgd_worker.device.ordered import OrderedReports
from absgd_worker.link.command_loop import CommandLoop
from absgd_worker.link.exchange import Exchange
from absgd_worker.link.step_entry import StepEntry
from absgd_worker.link.wire.messages import Bye, Position, Reason, Welcome
from absgd_worker.link.wire.records import INFO_LEVEL, Note
from absgd_worker.review.applied import ReviewNotes
from absgd_worker.task.batches import LeftOutNotes
from absgd_worker.training.actions import Actions
from absgd_worker.training.trainer import NO_SAMPLES, Trainer, check_losses, lambda_and_gamma
from absgd_worker.weights import weighted_loss


def train(trainer: Trainer, exchange: Exchange, commands: CommandLoop, actions: Actions) -> Bye:
    """Trains step by step until the run is complete or a command ends it. Returns the Bye to send.

    Raises:
        TaskError: the task's loss, evaluation or data are not what `Task` requires.
        ControlError: the plan sets what the optimizer does not have, or needs labels that the task lacks.
        LoadingError: a loading process has ended.
        WorkerFault: the controller refuses this worker. Exceptions of the task pass through.
    """
    task, status = trainer.task, exchange.status
    outgoing = OrderedReports(exchange.outgoing, trainer.reports)
    commands.hand_over = outgoing.hand_over
    left_out = LeftOutNotes(trainer.batches)
    for text in ReviewNotes().take():
        outgoing.append(Note(text, status.position, level=INFO_LEVEL))
    commands.process_commands()

    # Wait for the planned row of the step: its controls, and what follows it.
    while (row := commands.next_row()) is not None:
        began = time.perf_counter()
        attempt, step = status.position

        # Set lr, momentum and weight decay. lambda and gamma set the weights; the task may read all controls.
        lam, gamma = lambda_and_gamma(row.controls)
        applied = trainer.controls.apply(row.controls)
        trainer.context._enter_step(applied)

        # Take the batch at the sampler's position. Loading processes, if there are any, have read it ahead.
        batch = trainer.batches.take()
        if batch.is_empty:
            # None of its samples can be read: this step trains nothing and leaves the estimate unchanged.
            trainer.batches.identify(batch, 0)
            weighed = NO_SAMPLES
        else:
            # Forward pass: one loss per sample. Without losses the gradients are 0, as in plain torch.
            losses_B = task.loss(task.model, batch.data)
            check_losses(losses_B, batch)
            indices_B = trainer.batches.identify(batch, losses_B.shape[0])

            # Weights of the samples, from their losses.
            weighed = trainer.weigh(losses_B.detach(), indices_B, row.controls, lam=lam, gamma=gamma)

            # Backward pass, and the step of the optimizer.
            task.optimizer.zero_grad(set_to_none=True)
            weighted_loss(losses_B, weighed.weights_B).backward()
            trainer.controls.clip(row.controls)
            task.optimizer.step()
            del losses_B

        # Report the step. Its numbers come from a device some steps later; nothing here waits for one.
        status.position = Position(attempt, step + 1)
        every = exchange.sample_every if weighed.statistics is not None else 0
        outgoing.append(
            StepEntry(
                attempt,
                step,
                seconds=time.perf_counter() - began,
                waits=status.waits,
                controls=applied,
                statistics=weighed.statistics,
                losses_B=weighed.losses_B,
                weights_B=weighed.weights_B,
                indices_B=task.numbers_of(weighed.indices_B),
                keep_samples=every > 0 and step % every == 0,
                metrics=trainer.take_metrics(skipped=batch.size - weighed.losses_B.shape[0]),
                bare=weighed.bare,
            )
        )
        for text in left_out.take():
            outgoing.append(Note(text, status.position))
        # The memory of this batch is free for the evaluation and for the next batch.
        del batch, weighed

        # Evaluate and write a checkpoint, where the plan has them after this step.
        if row.events:
            outgoing.hand_over()
            actions.run_events(row.events)

        # Execute the commands that arrived during the step: pause, stop, restore and others.
        commands.count_step()
        commands.process_commands()

    outgoing.hand_over()
    if commands.ending is None:
        complete(trainer, exchange, commands, actions)
    assert commands.ending is not None
    return commands.ending


def prepare(welcome: Welcome, trainer: Trainer, exchange: Exchange, actions: Actions) -> None:
    """Sets what the Welcome says: the attempt, the rule of weights, and the checkpoint to resume from.

    Raises:
        CheckpointError: the checkpoint is missing, differs from what was written, or is of another task.
    """
    exchange.status.position = Position(welcome.attempt, exchange.status.step)
    trainer.set_rule(welcome.weighting)
    if welcome.restore_path:
        actions.restore(welcome.restore_path, welcome.restore_sha256, welcome.attempt)


def complete(trainer: Trainer, exchange: Exchange, commands: CommandLoop, actions: Actions) -> None:
    """Evaluates, saves and predicts after the last step, and ends the run."""
    refusal = ""
    try:
        actions.evaluate()
    finally:
        refusal = actions.try_to_checkpoint()
    # Predict last: it may take long or fail, and the model is saved by then.
    predicted, is_well = actions.predict(commands.may_continue)
    trained = f"all {count(exchange.status.step, 'step')} trained"
    say(trained)
    if refusal:
        commands.end(Reason.FAILED, f"{trained}, but the model is not saved: {refusal}; {REMEDY}")
    else:
        sentences = [trainer.batches.summary(), "" if is_well else predicted]
        commands.end(Reason.COMPLETED, "; ".join(sentence for sentence in sentences if sentence))


REMEDY = "make room on the disk or mend it, then resume the run: it goes on from its last checkpoint"
