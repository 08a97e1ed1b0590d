"""Reports of steps on a device: a ring there, copied on a stream of its own, read without waiting."""
