"""Reviews of suspects: from a person's decisions in a CSV to corrected data, and weights from a run."""
