"""Runs a script without ABSGD."""

from __future__ import annotations
