"""TRL's SFTTrainer, also with LoRA, on completions alone: refused by name, or as a plain loop in float64."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from absgd_worker.attach.errors import NotApplied, NotWeighable
from absgd_worker.weights import Normaliser
from lazily import lazily, needs

hugging_face, transformers = lazily("absgd_worker.integrations.hugging_face"), lazily("transformers")
trl, peft, datasets, tokenizers = (lazily(name) for name in ("trl", "peft", "datasets", "tokenizers"))
pytestmark = [needs("transformers"), needs("trl"), needs("peft"), needs("datasets")]

STEPS, LR, LAM, GAMMA = 5, 0.1, -2.0, 0.9


def model(lora: bool) -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        pad_token_id=30,
        eos_token_id=31,
        bos_token_id=31,
    )
    made = transformers.LlamaForCausalLM(config).double()
    if not lora:
        return made
    adapted = peft.get_peft_model(
        made,
        peft.LoraConfig(r=2, lora_dropout=0.0, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
    )
    return adapted.double()


def data() -> Any:
    """Prompts and completions of different lengths."""

    def words(numbers: Any) -> str:
        return " ".join(str(number % 30) for number in numbers)

    rows = [
        {"prompt": words(i * j for j in range(4)), "completion": " " + words(i + j for j in range(2 + i % 5))}
        for i in range(32)
    ]
    return datasets.Dataset.from_list(rows)


def tokenizer() -> Any:
    known = {str(number): number for number in range(30)} | {"[PAD]": 30, "[EOS]": 31, "[UNK]": 32}
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", eos_token="[EOS]", unk_token="[UNK]"
    )


def trainer_of(folder: Path, trained: Any, *, by_function: bool, **options: Any) -> Any:
    settings = {
        "max_steps": STEPS,
        "per_device_train_batch_size": 4,
        "learning_rate": LR,
        "lr_scheduler_type": "constant",
        "optim": "sgd",
        "max_grad_norm": 0.0,
        "report_to": [],
        "save_strategy": "no",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "max_length": 32,
        **options,
    }
    return trl.SFTTrainer(
        model=trained,
        args=trl.SFTConfig(str(folder), **settings),
        train_dataset=data(),
        processing_class=tokenizer(),
        callbacks=[hugging_face.AbsgdCallback(lam=LAM, gamma=GAMMA)],
        compute_loss_func=hugging_face.loss_function(trained) if by_function else None,
    )


def trainable(trained: Any) -> Tensor:
    return torch.cat([each.detach().flatten() for each in trained.parameters() if each.requires_grad])


@pytest.mark.parametrize("lora", [False, True])
def test_the_models_own_loss_trains_as_a_plain_loop(tmp_path: Path, lora: bool) -> None:
    trained = model(lora)
    plain = copy.deepcopy(trained)
    trainer = trainer_of(tmp_path, trained, by_function=True)
    collate, batches = trainer.data_collator, []

    def recorded(rows: Any) -> Any:
        batches.append(collate(rows))
        return batches[-1]

    trainer.data_collator = recorded
    trainer.train()

    plain.train()
    optimizer = torch.optim.SGD([each for each in plain.parameters() if each.requires_grad], lr=LR)
    rule = Normaliser()
    for batch in batches[:STEPS]:
        # The losses of transformers are computed in float32.
        scores = plain(
            input_ids=batch["input_ids"], attention_mask=batch.get("attention_mask")
        ).logits.float()
        labels = batch["labels"][:, 1:]
        counts = labels.ne(-100)
        losses = F.cross_entropy(scores[:, :-1].transpose(1, 2), labels, reduction="none", ignore_index=-100)
        of_rows = losses.sum(1) / counts.sum(1)
        weights, _ = rule.weigh(of_rows.detach(), lam=LAM, gamma=GAMMA)
        optimizer.zero_grad()
        ((len(weights) * weights)[:, None] * losses).sum().div(counts.sum()).backward()
        optimizer.step()
    assert (trainable(plain) - trainable(trained)).abs().max() < 1e-7
    assert (trainable(plain) - trainable(model(lora))).abs().max() > 1e-4


def test_the_fused_head_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotApplied, match=r"TRL's fused head .*compute_loss_func=loss_function\(model\)"):
        trainer_of(tmp_path, model(False), by_function=False).train()


def test_packed_documents_are_refused(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, model(False), by_function=True, packing=True)
    with pytest.raises(NotWeighable, match="with packing=True, a row holds several documents"):
        trainer.train()
