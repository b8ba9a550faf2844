"""Background work of the desktop program."""
