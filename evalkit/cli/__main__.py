"""`python -m evalkit.cli`: the same as `evalkit`."""

import sys

from evalkit.cli import main

if __name__ == "__main__":  # importing does nothing
    sys.exit(main())
