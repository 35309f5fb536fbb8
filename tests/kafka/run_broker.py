"""Start a one-node Kafka on the loopback address until SIGTERM or Ctrl-C, for trying things by hand.

    python tests/kafka/run_broker.py --plaintext

prints one line of JSON when it is ready: {"bootstrap": "127.0.0.1:PORT", ...}. Without --plaintext it speaks TLS, and
the line also names the user, the password and the file of the authority.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # run as a file: the folder of the tests is not on the path

from kafka.realkafka import RealKafka

PASSWORD = "for-trials-only"  # noqa: S105 - of a broker that lives in a temporary folder on the loopback address


def main() -> None:
    """Start, say so, wait for a signal, stop."""
    parser = argparse.ArgumentParser(description="Start a one-node Kafka on the loopback address until SIGTERM.")
    parser.add_argument(
        "--plaintext", action="store_true", help="no TLS and no login: for `referral play --broker kafka`"
    )
    plaintext = parser.parse_args().plaintext
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="kafka-") as folder:
        broker = RealKafka(Path(folder), {"admin": PASSWORD}, plaintext=plaintext)
        try:
            broker.format()
            broker.start()
            said = {"bootstrap": broker.settings().bootstrap}
            if not plaintext:
                said |= {"user": "admin", "password": PASSWORD, "authority": str(broker.authority.pem)}
            print(json.dumps(said), flush=True)  # noqa: T201 - a script
            signal.pause()
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
