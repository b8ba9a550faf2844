"""The composition root of the desktop: the UI on the main thread, everything else on the desk thread."""
