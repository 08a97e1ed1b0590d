"""Finds the losses of a loop where they are computed, and weighs them."""
