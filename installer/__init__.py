"""Tools of whoever makes releases; no part of the program."""
