"""Checks of a training loop that print what is wrong: collapse, no effect, unweighed losses, NaN."""
