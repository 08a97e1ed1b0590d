"""Reads the records of the runs that a test wrote."""

from __future__ import annotations
