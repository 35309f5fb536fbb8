"""Rule E1: who the person is goes to other agencies only as long as this node knows whose keys still count.

Source: evidence.md 4. A stolen key is revoked in the log; who has not seen the log for a day may seal to a thief.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from referral.casework.rules.kinds import EVERY
from referral.casework.rules.rule import Breach, Rule, Severity
from referral.errors import LogNotFresh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.casework.rules.situation import Situation


def log_is_fresh(situation: Situation) -> Iterator[Breach]:
    """E1: the policy's quorum has stood over the log in the last 24 hours, as far as this node was shown.

    It asks for each section above P1 whose readers have to have accepted and to be named in a consent, sent to another
    agency; a correction is asked for what its target would be. Under `quorum none` it is the time at which the notary
    last showed its log here. A network whose root file names no notary has no log to ask for.
    Facts are asked too: what a fact must tell at once (place and time of an arrival, an alert) is no such section.
    """
    if not situation.quorum.is_fresh(situation.now):
        yield Breach(f"{', '.join(situation.showing)}: no checkpoint of the last 24 hours.")


def _shows_her(situation: Situation) -> bool:
    return situation.quorum.followed and bool(situation.showing)


RULES: Final = (
    Rule(
        "E1",
        Severity.BLOCK,
        "this profile",
        (EVERY,),
        "Who the person is, is sealed only under a checkpoint of the last 24 hours.",
        log_is_fresh,
        override="cannot_wait_for_the_log",
        asks=_shows_her,
        refusal=LogNotFresh,
    ),
)
