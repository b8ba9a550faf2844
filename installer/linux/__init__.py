"""The packages for Linux: python -m installer.linux.MODULE, from the top of the tree."""
