"""Trains two models one after another: `folds.py STEPS (alone | sessions | together)`."""

from __future__ import annotations

import sys
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import nn

import absgd_worker as absgd

steps, how = int(sys.argv[1]), sys.argv[2]
torch.manual_seed(0)
points = torch.randn(16, 4)
labels = points.argmax(1)

with absgd.session() if how == "together" else nullcontext():
    for fold in range(2):
        model = nn.Linear(4, 4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with absgd.session() if how == "sessions" else nullcontext():
            for _ in range(steps):
                optimizer.zero_grad()
                F.cross_entropy(model(points), labels).backward()
                optimizer.step()
        print("trained fold", fold)
