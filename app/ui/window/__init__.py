"""The window: what Flowork does, how well, and everything that can be asked of it."""
