"""The program with windows, frozen by build.spec."""

import sys

from kit.frozen import settle

if __name__ == "__main__":
    settle()
    from app.roles import main

    sys.exit(main())
