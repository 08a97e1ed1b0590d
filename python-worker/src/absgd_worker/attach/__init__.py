"""ABSGD in a training loop that is not ours: the loop calls, and we answer."""
