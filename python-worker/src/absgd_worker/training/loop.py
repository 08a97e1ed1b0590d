"""The served loop: rows in, steps trained, until the run is over."""

from __future__ import annotations

from absgd_worker.console import count, say
from absgd_worker.link.command_loop import CommandLoop
from absgd_worker.link.messages import Bye, EventKind, Position, Reason, Welcome
from absgd_worker.link.plan_table import Row
from absgd_worker.link.records import Note
from absgd_worker.link.thread_exchange import ThreadExchange
from absgd_worker.task.batches import LeftOut
from absgd_worker.training.actions import Actions
from absgd_worker.training.trainer import Trainer


class Loop:
    """The training thread of a task."""

    def __init__(self, trainer: Trainer, exchange: ThreadExchange, deeds: Actions) -> None:
        self._trainer = trainer
        self._exchange = exchange
        self._standing = exchange.standing
        self._deeds = deeds
        self._left_out = LeftOut(trainer.batches)
        self.helm = CommandLoop(exchange, deeds)

    def run(self, welcome: Welcome) -> Bye:
        """Trains to the end of the run, or to whatever ends it sooner. Returns the worker's last word.

        Raises:
            WorkerFault: the controller refuses this worker. What the task raises passes through.
        """
        helm, plan, standing = self.helm, self._exchange.plan, self._standing
        standing.position = Position(welcome.attempt, standing.step)
        self._trainer.weigh_by(welcome.weighting)
        if welcome.restore_path:
            self._deeds.restore(welcome.restore_path, welcome.restore_sha256, welcome.attempt)
        while True:
            helm.stand()
            if helm.ending is None and plan.is_over(standing.step):
                self._complete()
            if helm.ending is not None:
                return helm.ending
            row = helm.next_row()
            if row is not None:
                self._train(row)

    def _train(self, row: Row) -> None:
        every = self._exchange.sample_every
        keep_samples = every > 0 and self._standing.step % every == 0
        self._exchange.ring.append(self._trainer.step(row.controls, keep_samples=keep_samples))
        for text in self._left_out.notes():
            self._exchange.ring.append(Note(text, self._standing.position))
        self.helm.count_step()
        try:
            if EventKind.EVALUATE in row.events:
                self._deeds.evaluate()
        finally:
            # What goes wrong in an evaluation ends the run, and must not cost the checkpoint of this step.
            if EventKind.CHECKPOINT in row.events:
                self._deeds.try_to_checkpoint()

    def _complete(self) -> None:
        refusal = ""
        try:
            self._deeds.evaluate()
        finally:
            refusal = self._deeds.try_to_checkpoint()
        # Last, as it may take long and may fail: what was trained is on disk by then.
        said, is_well = self._deeds.predict(self.helm.nobody_wants_an_end)
        trained = f"all {count(self._standing.step, 'step')} trained"
        say(trained)
        if refusal:
            self.helm.end(Reason.FAILED, f"{trained}, but the model is not saved: {refusal}; {REMEDY}")
        else:
            words = [self._trainer.batches.summary(), "" if is_well else said]
            self.helm.end(Reason.COMPLETED, "; ".join(word for word in words if word))


REMEDY = "make room on the disk or mend it, then resume the run: it goes on from its last checkpoint"
