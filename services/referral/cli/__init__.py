"""`referral`: the command line of a node, for people, scripts and service managers.

Exit codes: 0 done and everything that was checked holds, 1 refused or a check failed, 2 called wrongly. Answers go to
standard output, with `--json` as one JSON document; complaints and progress go to standard error. Each command imports
what it needs when it runs: a replay loads neither a broker nor an HTTP client.
"""

from referral.cli.run import main

__all__ = ["main"]
