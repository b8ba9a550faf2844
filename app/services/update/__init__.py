"""New versions of Flowork: looked for, fetched, verified, handed to the setup. Nothing here runs unless somebody asked for it."""
