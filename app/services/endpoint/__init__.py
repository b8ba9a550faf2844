"""The public endpoint: a tunnel client of this machine, watched over, or an address of the owner's own."""
