"""Lets ``python -m neural`` be the command ``neural``."""

import sys

from neural.cli import main

if __name__ == "__main__":
    sys.exit(main())
