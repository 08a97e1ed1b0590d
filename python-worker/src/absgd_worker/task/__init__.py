"""What a user hands over to be trained: its data, its model, its evaluation."""
