"""The only room of the gateway that touches SQLite."""
