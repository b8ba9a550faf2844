"""Plain functions over values: what the app decides."""
