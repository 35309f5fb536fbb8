"""The directory of a network: agencies, their keys and what they declare, replayed from signed statements."""

from contracts.directory.agency import (
    ROOT,
    Agency,
    Governors,
    NotDeclared,
    Outage,
    StatedKey,
    UnknownAgency,
)
from contracts.directory.directory import Directory, Replay, Verdict, replay
from contracts.directory.logged import LogReplay

__all__ = [
    "ROOT",
    "Agency",
    "Directory",
    "Governors",
    "LogReplay",
    "NotDeclared",
    "Outage",
    "Replay",
    "StatedKey",
    "UnknownAgency",
    "Verdict",
    "replay",
]
