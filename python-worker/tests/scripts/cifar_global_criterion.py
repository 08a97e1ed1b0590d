"""Trains when it is imported, with one criterion for training and test; asks the terminal for its size."""

import os
import sys

import torch
from torch import nn

_, columns = os.popen("stty size", "r").read().split()
sys.stderr.write(f"{columns} columns\n")

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
inputs = torch.randn(160, 3, 8, 8)
targets = (inputs[:, 0].mean(dim=(1, 2)) > 0).long() + (inputs[:, 1].mean(dim=(1, 2)) > 0).long()
net = nn.Sequential(
    nn.Conv2d(3, 8, 3, padding=1, bias=False),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(2),
    nn.Flatten(),
    nn.Linear(32, 3),
).to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)


def train(epoch):
    net.train()
    for batch in torch.randperm(160).split(32):
        optimizer.zero_grad()
        outputs = net(inputs[batch].to(device))
        loss = criterion(outputs, targets[batch].to(device))
        loss.backward()
        optimizer.step()
        print(f"train {epoch} {loss.item()!r}")


def test(epoch):
    net.eval()
    with torch.no_grad():
        for batch in torch.arange(160).split(80):
            loss = criterion(net(inputs[batch].to(device)), targets[batch].to(device))
            print(f"test {epoch} {loss.item()!r}")


for epoch in range(3):
    train(epoch)
    test(epoch)
    scheduler.step()
print(f"end {sum(p.double().sum().item() for p in net.parameters())!r} {torch.rand(1).item()!r}")
