"""A plain loop under Accelerate: gradient accumulation by its context, bfloat16 where asked for."""

import sys

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
accelerator = Accelerator(
    cpu=True,
    gradient_accumulation_steps=int(sys.argv[1]) if len(sys.argv) > 1 else 1,
    mixed_precision="bf16" if "--bfloat16" in sys.argv else "no",
)
x = torch.randn(96, 8)
loader = DataLoader(TensorDataset(x, x[:, :3].argmax(1)), batch_size=8, shuffle=True)
model = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 3))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 24)
criterion = nn.CrossEntropyLoss()
model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
for epoch in range(2):
    model.train()
    for inputs, labels in loader:
        with accelerator.accumulate(model):
            loss = criterion(model(inputs), labels)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        accelerator.print(f"train {epoch} {loss.item()!r}")
print(f"end {sum(p.double().sum().item() for p in model.parameters())!r} {torch.rand(1).item()!r}")
