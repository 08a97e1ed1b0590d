"""Several ranks, by the environment variables of a launcher. See also session/test_session.py."""

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


def test_only_the_first_rank_records_and_prints_and_all_train_alike(tmp_path: Path) -> None:
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
    (first, printed), (second, other_printed) = [rank.communicate() for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]
    assert first == second != ""
    assert "absgd: captured 1 loss" in printed
    assert "absgd: 3 losses captured in 3 steps" in printed
    assert "captured" not in other_printed
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["two"]
