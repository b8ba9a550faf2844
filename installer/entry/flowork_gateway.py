"""The program without windows, frozen by build.spec: the same commands, on a server and in a terminal."""

import sys

from kit.frozen import settle

if __name__ == "__main__":
    settle()
    from app.roles import main

    sys.exit(main(windows=False))
