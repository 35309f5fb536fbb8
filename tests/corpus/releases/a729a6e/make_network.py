"""Make nodes' folders as this release makes them: `python make_network.py FOLDER`, what they are as JSON on stdin.

Runs under the release alone (PYTHONPATH), and prints a token of each node.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime
from pathlib import Path

from contracts.network import Brokers, Log, write_network
from referral.api.tokens import new_token
from referral.exchange.embedded import EmbeddedBroker
from referral.opening import EMBEDDED, KEY_FILE, VAULT_FOLDER, Settings, keep_root
from referral.play.journey import AgencyPart
from referral.play.network import Place, Term, found_network
from referral.vault import KeyFile, Vault


def main() -> None:
    """Make what was asked for."""
    folder, asked = Path(sys.argv[1]), json.load(sys.stdin)
    start, end = datetime.fromisoformat(asked["start"]), datetime.fromisoformat(asked["end"])
    agencies = {name: AgencyPart.model_validate_json(json.dumps(part)) for name, part in asked["agencies"].items()}
    vaults = {}
    for name in agencies:
        (folder / name).mkdir(parents=True, mode=0o700)
        key = KeyFile.make(folder / name / KEY_FILE)
        vaults[name] = Vault.create(folder / name / VAULT_FOLDER, key, lambda: start)
    log = Log(asked["origin"], asked["key"])
    place = Place(log, f"log {log.key}\nquorum none\n", asked["notary"], Brokers())
    network = found_network(agencies, vaults, Term(start, end), place)
    shared = folder / "broker.sqlite"
    for name, vault in vaults.items():
        vault.close()
        Settings(name, broker=EMBEDDED, broker_path=str(shared)).write(folder / name)
        keep_root(folder / name, write_network(network))
    asyncio.run(provision(shared, [one.capabilities.topic for one in network.directory().agencies.values()]))
    json.dump({name: new_token(folder / name) for name in agencies}, sys.stdout)


async def provision(file: Path, topics: list[str]) -> None:
    """Make the inboxes."""
    broker = EmbeddedBroker(file)
    await broker.provision(topics)
    await broker.close()


if __name__ == "__main__":
    main()
