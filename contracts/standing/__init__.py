"""The fold: what a set of messages means. Same set, same standing, in whatever order the messages came.

Source: standing.md 2 and 3.
"""

from __future__ import annotations

from contracts.standing.clock import Clock, Deadline
from contracts.standing.consents import consents
from contracts.standing.message import Message, Register, Verdict, message_of
from contracts.standing.standing import Standing, fold

__all__ = ["Clock", "Deadline", "Message", "Register", "Standing", "Verdict", "consents", "fold", "message_of"]
