"""Writes a run that no controller drives as a run directory."""
