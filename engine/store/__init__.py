"""The only room of the engine that touches SQLite."""
