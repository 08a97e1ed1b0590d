"""What is hooked into torch: optimizers, models, backward passes, scalers."""
