"""Finds the element and the sample that each value of a loss belongs to, and the factors it was multiplied
by."""
