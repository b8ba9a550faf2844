"""`python -m app`: the same as the `flowork` command."""

import sys

from app.roles import main

sys.exit(main())
