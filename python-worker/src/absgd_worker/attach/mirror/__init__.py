"""Writes the figures of ABSGD to the experiment trackers that a script uses already."""
