"""Writes lambda and its statistics to the wandb run or TensorBoard writer that a script has."""
