"""Losses without reduction, and what a script makes of them."""

from __future__ import annotations
