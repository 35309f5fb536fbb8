"""The directory of a network: agencies, their keys and what they declare, replayed from signed statements."""

from contracts.directory.agency import (
    ROOT,
    Agency,
    DayKey,
    Governors,
    NotDeclared,
    Outage,
    StatedKey,
    UnknownAgency,
)
from contracts.directory.directory import Directory, Replay, replay
from contracts.directory.logged import LogReplay
from contracts.directory.policies import Policies, PolicyReplay

__all__ = [
    "ROOT",
    "Agency",
    "DayKey",
    "Directory",
    "Governors",
    "LogReplay",
    "NotDeclared",
    "Outage",
    "Policies",
    "PolicyReplay",
    "Replay",
    "StatedKey",
    "UnknownAgency",
    "replay",
]
