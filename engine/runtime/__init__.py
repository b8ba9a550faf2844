"""Tasks, slots and cancellation; no HTTP, no tool names."""
