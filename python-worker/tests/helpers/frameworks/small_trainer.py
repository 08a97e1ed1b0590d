"""Small models for Hugging Face's Trainer, made here, and an operator who asks for things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from absgd_worker.attach.source.source import StopTraining
from lazily import lazily
from recorder import Recorder

transformers = lazily("transformers")

MAX_STEPS = 4


class Lines(torch.utils.data.Dataset[dict[str, Any]]):
    def __init__(self, count: int = 36) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        tokens = (torch.arange(12) * (index + 3) + index) % 30
        labels = tokens.clone()
        labels[6 + index % 6 :] = -100
        return {"input_ids": tokens, "attention_mask": (labels != -100).long(), "labels": labels}


class Sentences(Lines):
    """For classification; of vectors where `width` is not 0."""

    def __init__(self, width: int = 0) -> None:
        super().__init__()
        self.width = width

    def __getitem__(self, index: int) -> dict[str, Any]:
        words = (torch.arange(8) * (index + 5) + index) % 30
        label: Any = index * 7 % 3
        if self.width:
            label = torch.tensor([float((index >> bit) & 1) for bit in range(self.width)])
        return {"input_ids": words, "attention_mask": torch.ones(8, dtype=torch.long), "labels": label}


def language_model() -> Any:
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=32, n_positions=16, n_embd=8, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return transformers.GPT2LMHeadModel(config)


def classifier(**options: Any) -> Any:
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=32,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
        **{"num_labels": 3, **options},
    )
    return transformers.BertForSequenceClassification(config)


def small_graph() -> Any:
    """A language model without attention, which is compiled in little time."""

    class SmallForCausalLM(transformers.PreTrainedModel):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(transformers.PretrainedConfig(vocab_size=32))
            self.tokens, self.head = nn.Embedding(32, 8), nn.Linear(8, 32)
            self.post_init()

        def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor, **kwargs: Any) -> Any:
            logits = self.head(F.dropout(self.tokens(input_ids), 0.1, self.training))
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=32, **kwargs)
            return {"loss": loss, "logits": logits}

    torch.manual_seed(0)
    return SmallForCausalLM()


def trainer_of(folder: Path, model: Any, data: Lines, *, callback: Any = None, **options: Any) -> Any:
    loss = options.pop("compute_loss_func", None)
    settings = {
        "max_steps": MAX_STEPS,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-2,
        "save_strategy": "no",
        "logging_steps": 1,
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": True,
        **options,
    }
    trainer = transformers.Trainer(
        model=model,
        args=transformers.TrainingArguments(str(folder), **settings),
        train_dataset=data,
        eval_dataset=data,
        compute_loss_func=loss,
        callbacks=None if callback is None else [callback],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def outcome(trainer: Any) -> tuple[list[float], Tensor]:
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return losses, torch.cat([parameter.detach().flatten() for parameter in trainer.model.parameters()])


def same(one: tuple[list[float], Tensor], other: tuple[list[float], Tensor]) -> bool:
    return one[0] == other[0] and torch.equal(one[1], other[1])


class Stops(Recorder):
    """Asks for things at steps, as an operator would."""

    def __init__(self, callback: Any, at: dict[int, str]) -> None:
        super().__init__()
        self.callback, self.at, self.said = callback, at, []
        self.found: list[tuple[int, str, dict[str, float]]] = []

    def process_commands(self, step: int) -> StopTraining | None:
        session = self.callback.session
        assert session is not None
        wish = self.at.get(step)
        if wish == "save" and session.on_checkpoint is not None:
            self.said.append(session.on_checkpoint())
        if wish == "evaluate" and session.on_evaluate is not None:
            self.said.append(session.on_evaluate())
        return StopTraining("by an operator") if wish == "stop" else None

    def end_of_plan(self, step: int) -> StopTraining | None:
        return StopTraining("complete") if self.at.get(step) == "over" else None

    def evaluated(self, split: str, metrics: Any) -> None:
        self.found.append((self.entries[-1].step, split, dict(metrics)))
