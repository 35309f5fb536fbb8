"""A case read as a whole: its standing, what a message of ours would name, who has accepted, which consents hold.

Everything here is computed from the messages held and nothing is kept; what the fold refuses (a sender that never had a
seat) is left out of the set that members compare.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from contracts.standing import Standing, fold

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from contracts.procedure import Procedure
    from contracts.standing import Message
    from referral.casework.case import Case, Entry
