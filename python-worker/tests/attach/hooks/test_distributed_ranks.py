"""Several ranks, by the variables of a launcher. That lambda is refused: see session/test_session.py."""

from __future__ import annotations

import os
from pathlib import Path

from project import SOURCE
from warm_interpreter import WarmProcess

SCRIPT = """
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
points = torch.randn(16, 4)
for step in range(3):
    optimizer.zero_grad()
    F.cross_entropy(model(points), points.argmax(1)).backward()
    optimizer.step()
print("weights", model.weight.tolist())
"""


def test_the_first_rank_records_and_speaks_and_the_others_train_alike(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    ranks = [
        WarmProcess(
            *("-m", "absgd_worker.run", "--name", "two", str(script)),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SOURCE), "RANK": str(rank), "WORLD_SIZE": "2"},
        )
        for rank in (0, 1)
    ]
    (first, said), (second, silence) = [rank.communicate() for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]
    assert first == second != ""
    assert "absgd: captured 1 loss" in said
    assert "absgd: 3 losses captured in 3 steps" in said
    assert "captured" not in silence
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["two"]
