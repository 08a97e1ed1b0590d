"""Control sources (code, plan file, controller) and the protocol of recorders."""
