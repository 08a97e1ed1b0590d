"""A training script of the public kind. Trains as many steps as each line of its standard input says.

    trained_in_turns.py mlp|cnn|transformer

Prints the wall-clock seconds of each block as a line of JSON.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(100, 64)
        layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(64, 10)

    def forward(self, tokens):
        return self.head(self.encoder(self.embedding(tokens)).mean(dim=1))


def mlp():
    layers = [nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)]
    return nn.Sequential(*layers), torch.randn(2048, 64)


def cnn():
    layers = [nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 49, 10)), torch.randn(2048, 1, 28, 28)


def transformer():
    return Encoder(), torch.randint(100, (2048, 16))


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model, inputs = {"mlp": mlp, "cnn": cnn, "transformer": transformer}[sys.argv[1]]()
    labels = torch.randint(10, (len(inputs),))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    position = 0
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line)):
            x, y = inputs[position : position + 64], labels[position : position + 64]
            position = (position + 64) % len(inputs)
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()
