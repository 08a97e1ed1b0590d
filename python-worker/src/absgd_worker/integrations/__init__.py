"""Adapters for frameworks. Each module imports its framework, and only users import these modules."""
