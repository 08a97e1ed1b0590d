"""`absgd-run --ab`: does lambda help this script? Trains it with lambda off and with what is given, paired by
seed.

Imports no torch: each training is a process of its own.
"""
