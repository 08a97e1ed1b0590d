"""A source that keeps what is reported, and a small model with its data."""

from __future__ import annotations
