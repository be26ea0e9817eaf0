"""`python -m app.verify`: verify without the application."""

import sys

from app.verify.command import main

if __name__ == "__main__":
    sys.exit(main())
