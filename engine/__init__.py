"""The engine: pulls jobs from a gateway and runs them."""
