"""Finds the running estimate that a loss belongs to, by its call site, its model and its number."""
