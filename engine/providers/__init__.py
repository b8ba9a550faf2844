"""Models: the only room that talks to those who run them."""
