"""A loop that an operator may steer: `driven.py STEPS [behaviour …]`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import absgd_worker as absgd

steps = int(sys.argv[1])
behaviours = set(sys.argv[2:])
folder = Path.cwd()

torch.manual_seed(0)
points = torch.randn(64, 4)
labels = points.argmax(1)
loader = DataLoader(
    TensorDataset(points, labels), batch_size=16, num_workers=1 if "workers" in behaviours else 0
)
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Linear(8, 4))
optimizer = torch.optim.SGD(
    [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.01}], lr=0.1, momentum=0.9
)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
criterion = nn.CrossEntropyLoss()
passes: list[int] = []
model.register_forward_pre_hook(lambda model, _: passes.append(1) if model.training else None)


def save() -> None:
    if "disk-full" in behaviours:
        raise OSError("no space is left")
    torch.save(
        {
            "model": model.state_dict(),
            "session": session.state_dict(),
            "scheduled": scheduler.last_epoch,
            "seen": len(passes),
        },
        folder / "saved.pt",
    )


def evaluate() -> dict[str, dict[str, float]]:
    model.eval()
    return {"val": {"accuracy": float((model(points).argmax(1) == labels).float().mean())}}


session = absgd.current()
if "saves" in behaviours:
    session.on_checkpoint, session.on_evaluate = save, evaluate
if "loads" in behaviours:
    session.load_state_dict(torch.load(folder / "saved.pt")["session"])

while session.step < steps:
    for inputs, targets in loader:
        assert model.training
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()
        scheduler.step()
        if session.step == 5:
            absgd.evaluated(accuracy=0.5)
            if "raises" in behaviours:
                raise ValueError("the data went wrong")
            if "leaves" in behaviours:
                sys.exit(3)
        if session.step >= steps:
            break

print("lr", [f"{group['lr']:.3g}" for group in optimizer.param_groups])
torch.save(model.state_dict(), folder / "model.pt")
