"""The only room of the gateway that imports a cryptography package."""
