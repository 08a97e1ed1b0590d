"""A session: the steps of one training loop, their controls and their figures."""
