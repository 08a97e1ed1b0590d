"""Runs a training script as Python itself would."""
