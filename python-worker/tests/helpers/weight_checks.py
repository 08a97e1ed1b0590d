"""Compares the weights of losses that a script multiplies."""

from __future__ import annotations
