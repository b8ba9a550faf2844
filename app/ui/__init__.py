"""Widgets. They show news and ask for acts; nothing else."""
