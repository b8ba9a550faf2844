"""The only room of the engine that talks to the gateway."""
