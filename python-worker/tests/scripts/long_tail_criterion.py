"""A long tail: a margin loss that is made anew every epoch, with class weights deferred, and a focal one."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 4
COUNTS = [120, 60, 24, 12]


class MarginLoss(nn.Module):
    """Larger margins for rarer classes, as a shift of the right logit."""

    def __init__(self, counts, weight=None, largest=0.5, scale=30):
        super().__init__()
        margins = 1.0 / torch.tensor(counts, dtype=torch.float32).pow(0.25)
        self.margins = margins * (largest / margins.max())
        self.scale = scale
        self.weight = weight

    def forward(self, logits, target):
        shift = F.one_hot(target, logits.shape[1]) * self.margins[target].unsqueeze(1)
        return F.cross_entropy(self.scale * (logits - shift), target, weight=self.weight)


class FocalLoss(nn.Module):
    def __init__(self, weight=None, power=2.0):
        super().__init__()
        self.weight = weight
        self.power = power

    def forward(self, logits, target):
        losses = F.cross_entropy(logits, target, reduction="none", weight=self.weight)
        return ((1 - torch.exp(-losses)) ** self.power * losses).mean()


class Cosine(nn.Module):
    def __init__(self, features, classes):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features, classes).uniform_(-1, 1))

    def forward(self, x):
        return F.normalize(x, dim=1) @ F.normalize(self.weight, dim=0)


def main():
    torch.manual_seed(3)
    targets = torch.repeat_interleave(torch.arange(CLASSES), torch.tensor(COUNTS))
    points = torch.randn(len(targets), 6) + 1.5 * F.one_hot(targets, 6)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), Cosine(16, CLASSES))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(4):
        beta = 0 if epoch < 2 else 0.9999
        weights = (1.0 - beta) / np.array([1.0 - beta**count for count in COUNTS])
        weights = torch.tensor(weights / weights.sum() * CLASSES, dtype=torch.float32)
        criterion = MarginLoss(COUNTS, weights) if epoch != 3 else FocalLoss(weights)
        model.train()
        for batch in torch.randperm(len(targets)).split(48):
            loss = criterion(model(points[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            print(f"train {epoch} {loss.item()!r}")
        model.eval()
        with torch.no_grad():
            print(f"test {epoch} {criterion(model(points), targets).item()!r}")
    print(f"end {sum(p.double().sum().item() for p in model.parameters())!r} {torch.rand(1).item()!r}")


if __name__ == "__main__":
    main()
