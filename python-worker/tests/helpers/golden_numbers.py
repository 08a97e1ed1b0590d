"""Numbers of golden vectors, and how they are compared."""

from __future__ import annotations
