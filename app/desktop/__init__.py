"""One file per thing that the operating system gives."""
