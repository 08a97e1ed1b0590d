"""Adapters of frameworks; each imports its own, and nothing imports them unasked."""
