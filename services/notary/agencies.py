"""Who may submit: the agencies of the network's root file, each by its signing key in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.network import NetworkRefused, read_network
from contracts.request import RequestRefused
from contracts.signing import UnknownKey
from notary.errors import SettingRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from contracts.directory import Directory
    from contracts.tlog import NoteKey


class NotAdmitted(RequestRefused):
    """This agency has no signing key in force in the network; sign as an agency that has one."""

    code = "unknown-agency"


@dataclass(frozen=True, slots=True)
class Agencies:
    """The directory of a network, asked for signing keys at the present."""

    directory: Directory
    now: Callable[[], datetime]

    def key_of(self, agency: str) -> bytes:
        """Return an agency's current signing key (32 bytes), or raise `NotAdmitted`."""
        try:
            return self.directory.current_signing(agency, self.now())[1]
        except UnknownKey:
            raise NotAdmitted from None


def read_agencies(path: Path, log: NoteKey, now: Callable[[], datetime]) -> Agencies:
    """Return the agencies of a root file that names this log, or raise `SettingRefused`."""
    try:
        network = read_network(path.read_bytes())
    except FileNotFoundError:
        raise SettingRefused("network names no file.") from None
    except NetworkRefused as refused:
        raise SettingRefused(f"network is no root file. {refused.detail}") from None
    if network.log.key != str(log):
        raise SettingRefused("The root file names another log; give it the key that `notary status` prints.")
    return Agencies(network.directory(), now)
