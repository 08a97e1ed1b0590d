"""The messages and records of the protocol, and their encoding."""
