"""Nodes made by the command line for a broker with TLS and logins, and what its operator types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cli_shell import INIT
from processes import NodeProcess

if TYPE_CHECKING:
    from pathlib import Path

    from cli_shell import Ran, Shell
    from kafka.realkafka import RealKafka

ADMIN_PASSWORD = "admin-pw"  # noqa: S105 - of a broker that lives in a temporary folder on the loopback address
ONE_BROKER = ("--replicas", "1", "--in-sync", "1")


@dataclass
class Deployed:
    """One broker and the nodes of a network in `folder`, whose root file names it with its authority."""

    folder: Path
    broker: RealKafka
    shell: Shell
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """Return the listener for passwords."""
        return f"localhost:{self.broker.port}"

    def make(self) -> None:
        """Make the network and a node for each agency."""
        (self.folder / "admin.password").touch(0o600)
        (self.folder / "admin.password").write_text(ADMIN_PASSWORD + "\n")
        ca = str(self.broker.authority.pem)
        first, *others = INIT
        made = [self.shell.init(first, "--found", "--bootstrap", self.where, "--broker-ca", ca, "--json")]
        made += [self.shell.init(agency, "--json") for agency in others]
        for agency, ran in zip(INIT, made, strict=True):
            assert ran.code == 0, ran.err
            self.tokens[agency] = ran.json()["token"]

    def operate(self, verb: str, *more: str) -> Ran:
        """Run `referral broker provision` or `check` as the operator does."""
        login = ("--network", "network.json", "--password-file", "admin.password", *ONE_BROKER)
        return self.shell("broker", verb, *login, *more)

    def differs(self, *more: str) -> list[dict[str, Any]]:
        """Return what `referral broker check` finds."""
        ran = self.operate("check", "--json", *more)
        found = ran.json()
        assert ran.code == (0 if found["well"] else 1)
        assert found["well"] is not bool(found["differences"])
        return list(found["differences"])

    def node(self, agency: str, program: tuple[str, ...]) -> NodeProcess:
        """Return a node as `referral up` runs it."""
        return NodeProcess(agency, self.folder / agency, program, self.tokens[agency])
