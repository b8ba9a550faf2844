"""Parts that would make sense in an unrelated product; imports nothing of Flowork."""
