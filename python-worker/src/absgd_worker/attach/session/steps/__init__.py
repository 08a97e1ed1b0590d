"""The steps of a training loop: when each begins and ends, its weighed losses, and its report."""
