"""Writes a run to TensorBoard, wandb or MLflow, from the lines of its log: a program without torch.

`python -m absgd_worker.mirrors --to wandb --folder RUN` reads what `absgd watch RUN --ui json` prints.
"""
