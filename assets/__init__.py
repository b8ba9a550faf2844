"""Drawn assets: the application icon, and the tray icon of each state."""
