"""Sessions: how they are entered and left, who decides their controls, and their steps."""
