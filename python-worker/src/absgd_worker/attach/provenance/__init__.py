"""Which element and which sample of a loss each number belongs to, and by what it was multiplied."""
