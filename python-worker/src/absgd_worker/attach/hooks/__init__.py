"""Hooks into torch: optimizers, models, backward passes, gradient scalers."""
