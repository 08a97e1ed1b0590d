"""The user's task: its model, data, loss and evaluation."""
