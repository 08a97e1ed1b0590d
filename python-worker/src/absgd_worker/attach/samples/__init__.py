"""Finds which samples the rows of a batch are, through loaders, collate functions and tensor operations."""
