"""Which samples the rows of a batch are: loaders, collate functions and tensors that are followed."""
