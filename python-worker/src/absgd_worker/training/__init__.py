"""The served training: one step from its row to its report, checkpoints, and what is done between steps."""
