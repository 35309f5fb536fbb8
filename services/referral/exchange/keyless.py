"""Messages of which the vault lacks a section's key: it was put back from before they came, and the start refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from referral.casework.case import Case
from referral.exchange.recovery import SQL
from referral.store import Stored
from referral.store.errors import KeysMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.store import Store
    from referral.vault import Vault

NEWEST: Final = 500  # events: a vault that is older than its events lacks keys of the newest
PAGE: Final = 500
TOPICS: Final = (Case.MessageSent.TOPIC, Case.MessageReceived.TOPIC, Case.SectionsReceived.TOPIC)


def check_sections(store: Store, vault: Vault) -> None:
    """Raise `KeysMissing` where the newest messages have sections whose keys the vault lacks: it is older than they."""
    after = max(0, store.last_position() - NEWEST)
    found = list(dict.fromkeys(case for case, _ in keyless_messages(store, vault, after)))
    if found:
        raise KeysMissing(found)


def keyless_messages(store: Store, vault: Vault, after: int) -> Iterator[tuple[str, str]]:
    """Yield (case, message) where a section that is not erased has lost its key, and nobody has given it up yet."""
    found: dict[tuple[str, str], None] = {}
    with store.reading() as cursor:
        known = {row[0] for row in cursor.execute(SQL["given_up"])}
    while True:
        page = store.page(after, PAGE, TOPICS)
        for item in page.items:
            event: Any = item.event if isinstance(item, Stored) else None
            sections = getattr(event, "sections", {})
            if (
                sections
                and event.content_id not in known
                and any(vault.lacks_section(event.content_id, one) for one in sections)
            ):
                found[item.case, event.content_id] = None
        if len(page.items) < PAGE:
            break
        after = page.end
    yield from found
