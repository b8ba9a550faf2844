"""Measurements of real parts, each beside its floor in the same run: `python -m bench NAME --json`."""
