"""A first look at a training script: reads its text, never runs it. No torch.

`python -m absgd_worker.first_look train.py` prints one JSON object; `absgd init` shows it.
"""
