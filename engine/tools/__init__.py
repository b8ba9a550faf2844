"""What jobs do. The only room that talks to tools."""
