"""ABSGD in a `Trainer` of Hugging Face's transformers.

from absgd_worker.integrations.hugging_face import AbsgdCallback

Trainer(model, args, train_dataset=…, callbacks=[AbsgdCallback(lam=annealed)])
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from transformers.trainer_callback import ExportableState, TrainerCallback, TrainerControl, TrainerState
from transformers.training_args import TrainingArguments

from absgd_worker.attach import api
from absgd_worker.attach.errors import NotWeighable
from absgd_worker.attach.provenance.granularity import Granularity
from absgd_worker.integrations.attachment import Attachment, Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AbsgdCallback(TrainerCallback, ExportableState):
    """Weighs every loss that the Trainer trains on: of the model itself, or of a `compute_loss`.

    Stopping, saving and evaluating reach the Trainer by its own flags. The state is in `trainer_state.json`,
    and training resumed from a checkpoint of the Trainer goes on exactly. Label smoothing by
    `TrainingArguments` is not made of losses of torch, and not seen.

    Args:
        granularity, leave: as in `absgd_worker.capture`. A language model is weighed by sequence.
        settings: as in `absgd_worker.session`. `accumulate` is the Trainer's own, where they do not say.
    """

    def __init__(
        self,
        granularity: Granularity = "auto",
        leave: Collection[str] = (),
        **settings: Unpack[Settings],
    ) -> None:
        self._attachment = Attachment("the Trainer", granularity, leave, settings)

    @property
    def session(self) -> api.Session | None:
        """Open while the Trainer trains."""
        return self._attachment.session

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # Of a Trainer that begins anew it is this callback's own, of an earlier training.
        self._attachment.load_state_dict(_saved(state) if state.global_step > 0 else None)
        # A Trainer without data to evaluate on would end in an error, and says here that it has some alone.
        can_evaluate = args.eval_strategy != "no" or kwargs.get("eval_dataloader") is not None
        self._attachment.begin(can_evaluate=can_evaluate)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        batches = _length(kwargs.get("train_dataloader"))
        self._attachment.expect(_micro_batches(batches, args.gradient_accumulation_steps, state.global_step))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._attachment.end_step()
        if self._attachment.take("checkpoint"):
            control.should_save = True
        if self._attachment.take("evaluation"):
            control.should_evaluate = True
        if self._attachment.is_stopping:
            control.should_training_stop = True

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._attachment.evaluated(
            {
                name.removeprefix("eval_"): value
                for name, value in (metrics or {}).items()
                if name.startswith("eval_") and not name.endswith(_OF_THE_MACHINE)
            }
        )

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._attachment.end()

    def state(self) -> dict[str, Any]:
        """For `trainer_state.json`."""
        # The Trainer may make a callback anew from it. One without its lambda must not go unnoticed.
        settings = {
            name: value if isinstance(value, _PLAIN) else f"{name}: a function is kept in no checkpoint"
            for name, value in self._attachment.settings.items()
        }
        return {
            "args": {
                "granularity": self._attachment.granularity,
                "leave": self._attachment.leave,
                **settings,
            },
            "attributes": {_SAVED: self._attachment.state_dict()},
        }


def loss_function(
    model: nn.Module, *, name: str | None = None, granularity: Granularity = "auto"
) -> Callable[..., Tensor]:
    """The model's own loss, weighed, as a `Trainer`'s `compute_loss_func`; for a function of your own,
    `absgd_worker.wrap(function)` is one.

    Sums over the micro-batches of a step divide by the items of the whole step, with every setting of
    `gradient_accumulation_steps` and `average_tokens_across_devices`.

    Raises:
        NotWeighable: when called, for a model whose loss takes more than logits and labels.
    """

    def loss(outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        found = _loss_of(model, outputs, labels, num_items_in_batch)
        if num_items_in_batch is None or _divides_by_items(model):
            return found
        return found * (labels.ne(_IGNORED).sum() / num_items_in_batch)

    return api.wrap(loss, name=name, granularity=granularity)


def _loss_of(model: Any, outputs: Any, labels: Tensor, num_items: Tensor | int | None) -> Tensor:
    parameters = inspect.signature(model.loss_function).parameters
    scores = outputs["logits"] if isinstance(outputs, dict) else outputs[0]
    known = {
        "logits": scores,
        "pooled_logits": scores,
        "labels": labels,
        "vocab_size": getattr(model.config, "vocab_size", None),
        "config": model.config,
        "num_items_in_batch": num_items,
    }
    unknown = [
        name
        for name, one in parameters.items()
        if name not in known
        and one.default is one.empty
        and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    ]
    if unknown:
        raise NotWeighable(
            f"the loss of {type(model).__name__} takes {', '.join(unknown)}: leave compute_loss_func out, "
            "and AbsgdCallback weighs it where the model computes it"
        )
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    given = {name: value for name, value in known.items() if name in parameters}
    if takes_all:
        given["num_items_in_batch"] = num_items
    return model.loss_function(**given)


def _divides_by_items(model: Any) -> bool:
    """Whether its loss is a sum divided by `num_items_in_batch`; a mean of the micro-batch otherwise."""
    if getattr(model.config, "problem_type", None) in ("regression", "multi_label_classification"):
        return False
    parameters = inspect.signature(model.loss_function).parameters
    return "num_items_in_batch" in parameters or any(
        one.kind is one.VAR_KEYWORD for one in parameters.values()
    )


def _micro_batches(batches: int | None, accumulation: int, step: int) -> int:
    """How many the optimizer step `step` has: the last one of an epoch of so many batches may have fewer."""
    if not batches:
        return accumulation
    steps = -(-batches // accumulation)
    return min(accumulation, batches - step % steps * accumulation)


def _length(loader: Any) -> int | None:
    try:
        return len(loader)
    except TypeError:
        # A stream, or none.
        return None


def _saved(state: TrainerState) -> dict[str, Any] | None:
    # A dict by the callbacks' names by now; annotated as the list that it is made from.
    by_name: Any = state.stateful_callbacks
    found = by_name.get(AbsgdCallback.__name__)
    own = found[-1] if isinstance(found, list) else found
    return None if own is None else own["attributes"].get(_SAVED)


_IGNORED = -100
_SAVED = "session_state"
_OF_THE_MACHINE = ("_runtime", "_per_second", "_time")
_PLAIN = (str, int, float, type(None))
