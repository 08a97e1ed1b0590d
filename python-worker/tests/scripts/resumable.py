"""Saves what it needs to go on every few steps, in the middle of an epoch too, and goes on from there."""

import os
import signal
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import absgd_worker as absgd

STEPS, EVERY, EPOCH = 24, 5, 8

torch.manual_seed(0)
torch.set_num_threads(1)
file, dies_at = sys.argv[1], int(sys.argv[2])
data = TensorDataset(torch.randn(64, 6), torch.arange(64) % 3)
model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.2), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
criterion = absgd.wrap(nn.CrossEntropyLoss())


def batches(epoch):
    shuffle = torch.Generator().manual_seed(epoch)
    return absgd.track(DataLoader(data, batch_size=8, shuffle=True, generator=shuffle))


with absgd.session(run="mine", lam=lambda step: -2.0 / (1 + step // 3), gamma=0.7) as session:
    if os.path.exists(file):
        state = torch.load(file, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        session.load_state_dict(state["absgd"])
    while session.step < STEPS:
        epoch, done = divmod(session.step, EPOCH)
        for number, (points, labels) in enumerate(batches(epoch)):
            if number < done:
                continue
            optimizer.zero_grad()
            criterion(model(points), labels).backward()
            optimizer.step()
            if session.step % EVERY == 0:
                state = {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "random": torch.get_rng_state(),
                    "absgd": session.state_dict(),
                }
                torch.save(state, f"{file}.draft")
                os.replace(f"{file}.draft", file)
            if session.step == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)

print(
    "end",
    session.step,
    *[f"{weight:.17g}" for part in model.parameters() for weight in part.flatten().tolist()],
)
