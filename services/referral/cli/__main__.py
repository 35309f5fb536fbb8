"""`python -m referral.cli` is `referral`."""

import sys

from referral.cli.run import main

if __name__ == "__main__":
    sys.exit(main())
