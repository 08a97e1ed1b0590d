"""Finds the losses of a training loop where they are computed, and weighs them."""
