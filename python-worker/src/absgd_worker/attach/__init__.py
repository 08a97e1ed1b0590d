"""ABSGD in a training loop that is not ours: the loop calls, and we answer. What a loop uses is in `api`."""
