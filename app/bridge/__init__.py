"""What crosses between the UI thread and the desk thread: acts one way, news the other."""
