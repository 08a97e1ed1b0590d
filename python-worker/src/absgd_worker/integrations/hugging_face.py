"""ABSGD in a `Trainer` of Hugging Face transformers.

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
    """Weighs every loss that the Trainer trains on: the model's own loss, or that of a `compute_loss`.

    An operator's commands to stop, save and evaluate set the flags of the Trainer. The state is in
    `trainer_state.json`, and training that is resumed from a checkpoint of the Trainer continues exactly.
    Label smoothing by `TrainingArguments` does not use losses of torch, so that it is not seen.

    Args:
        granularity, leave: as in `absgd_worker.capture`. By default each sequence of a language model is a
            sample.
        settings: as in `absgd_worker.session`, such as `lam` (in units of the loss, not 0), `gamma` (in
            (0, 1]), `plan` and `run`. `accumulate` is that of the Trainer by default.

    Raises:
        SessionError, PlanError, SettingsError: as `absgd_worker.session`, when training begins.
        NotWeighable: a row of a batch holds several documents, and tokens are not weighed.
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
        _refuse_several_documents(args, kwargs.get("train_dataloader"), self._attachment.granularity)
        # At step 0 a state in the Trainer is that of an earlier training with this callback.
        self._attachment.load_state_dict(_saved(state) if state.global_step > 0 else None)
        # A Trainer without data for an evaluation would raise. The data loader is passed only to this method.
        can_evaluate = args.eval_strategy != "no" or kwargs.get("eval_dataloader") is not None
        self._attachment.begin(can_evaluate=can_evaluate)
        self._attachment.tell_length(state.max_steps)
        batches = _length(kwargs.get("train_dataloader"))
        if batches:
            # The last step of an epoch may have fewer micro-batches.
            self._attachment.tell_epoch(-(-batches // args.gradient_accumulation_steps))

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
        """The settings and the state of the session, for `trainer_state.json`."""
        # The Trainer may create a callback from this. A lambda that is a function is lost then, and must not
        # be replaced silently: this text as a setting raises an error.
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
    """The model's own loss, weighed, for the argument `compute_loss_func` of a `Trainer`.

    For a loss function of your own use `absgd_worker.wrap(function)`. The sum over the micro-batches of a
    step is divided by the items of the whole step, with every setting of `gradient_accumulation_steps` and
    `average_tokens_across_devices`.

    Args:
        model: a model of transformers with a `loss_function`.
        name: of the loss, in reports; by default "loss".
        granularity: as in `absgd_worker.capture`.

    Returns:
        `loss(outputs, labels, num_items_in_batch=None)`, which returns a tensor without dimensions. It raises
        NotWeighable for a model whose loss needs more than logits and labels.
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
        for name, parameter in parameters.items()
        if name not in known
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]
    if unknown:
        raise NotWeighable(
            f"the loss of {type(model).__name__} takes {', '.join(unknown)}: leave compute_loss_func out, "
            "and AbsgdCallback weighs it where the model computes it"
        )
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    given = {name: value for name, value in known.items() if name in parameters}
    if takes_all:
        given["num_items_in_batch"] = num_items
    return model.loss_function(**given)


def _divides_by_items(model: Any) -> bool:
    """Whether the loss is a sum divided by `num_items_in_batch`; if not, a mean over the micro-batch."""
    if getattr(model.config, "problem_type", None) in ("regression", "multi_label_classification"):
        return False
    parameters = inspect.signature(model.loss_function).parameters
    return "num_items_in_batch" in parameters or any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()
    )


def _micro_batches(batches: int | None, accumulation: int, step: int) -> int:
    """The number of micro-batches of an optimizer step; the last step of an epoch may have fewer."""
    if not batches:
        return accumulation
    steps = -(-batches // accumulation)
    return min(accumulation, batches - step % steps * accumulation)


def _refuse_several_documents(args: TrainingArguments, loader: Any, granularity: Granularity) -> None:
    """Raises NotWeighable where rows are made of several documents, each of which should be a sample."""
    if granularity == "token":
        return
    collator = getattr(loader, "collate_fn", None)
    # The Trainer may have wrapped it, to remove columns.
    collator = getattr(collator, "data_collator", collator)
    ways = {
        "packing=True": getattr(args, "packing", False) is True,
        "padding_free=True": getattr(args, "padding_free", False) is True
        or getattr(collator, "padding_free", False) is True,
        "DataCollatorWithFlattening": any(
            kind.__name__ == "DataCollatorWithFlattening" for kind in type(collator).__mro__
        ),
    }
    for way, is_used in ways.items():
        if is_used:
            raise NotWeighable(
                f"with {way}, a row holds several documents, and would be weighed as one sample: weigh "
                'tokens, AbsgdCallback(granularity="token"), or give each document a row of its own'
            )


def _length(loader: Any) -> int | None:
    try:
        return len(loader)
    except TypeError:
        # It is a stream, or there is no data loader.
        return None


def _saved(state: TrainerState) -> dict[str, Any] | None:
    # It is a dict by the names of the callbacks here, though its annotation is a list.
    by_name: Any = state.stateful_callbacks
    found = by_name.get(AbsgdCallback.__name__)
    own = found[-1] if isinstance(found, list) else found
    return None if own is None else own["attributes"].get(_SAVED)


_IGNORED = -100
_SAVED = "session_state"
_OF_THE_MACHINE = ("_runtime", "_per_second", "_time")
_PLAIN = (str, int, float, type(None))
