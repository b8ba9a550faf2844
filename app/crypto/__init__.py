"""The only room of the app that imports a cryptography package."""
