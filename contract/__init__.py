"""What crosses a process border: wire models, words, limits, errors, events."""
