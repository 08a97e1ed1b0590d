"""Judges what happens in a loop, and says it: collapse, no effect, losses that are not weighed, NaN."""
