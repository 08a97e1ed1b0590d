"""The memory that a process that trains and its courier share: two rings, a table of names, and a few
words."""
