"""Weighs one criterion, or the losses that a script computed itself, where the script says so."""
