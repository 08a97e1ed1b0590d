"""Where the controls of a step come from: the code, a plan file, or a controller."""
