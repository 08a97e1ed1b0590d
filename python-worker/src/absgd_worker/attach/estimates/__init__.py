"""Which running estimate a loss belongs to: by its place in the code and its turn."""
