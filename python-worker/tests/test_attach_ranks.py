"""Several ranks, as torchrun starts them. That lambda is refused: see test_attach_session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from absgd_worker import run

SCRIPT = """
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

dist.init_process_group("gloo")
torch.manual_seed(dist.get_rank())
model = nn.parallel.DistributedDataParallel(nn.Linear(4, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
points = torch.randn(16, 4)
for step in range(3):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(points), points.argmax(1))
    loss.backward()
    optimizer.step()
if dist.get_rank() == 0:
    print("weights", model.module.weight.tolist())
# Who leaves first would take the other's connection along.
dist.barrier()
dist.destroy_process_group()
"""


def torchrun(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    script = folder / "train.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(Path(run.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [*launcher, *command, str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
        timeout=120,
    )


def test_ranks_train_as_without_us_and_the_first_records_and_speaks(tmp_path: Path) -> None:
    plain = torchrun(tmp_path)
    ran = torchrun(tmp_path, "-m", "absgd_worker.run", "--name", "two")
    assert (ran.returncode, ran.stdout) == (0, plain.stdout)
    assert ran.stderr.count("absgd: captured 1 loss") == 1
    assert ran.stderr.count("absgd: 3 losses captured in 3 steps") == 1
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["two"]
