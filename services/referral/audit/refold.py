"""The standing folded anew from the contents of a bundle, and the findings beside it; nothing of a node is needed.

The set is the one that members compare: contents that this procedure can read, without those whose senders never had a
seat. Source: standing.md 3 (Findings beside the fold).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts.content import opens_its_case
from contracts.standing import Message, Standing, fold, message_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from contracts.content import Content
    from contracts.directory import Directory
    from contracts.procedure import Procedure

LATE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Refolded:
    """The standing of the contents; `refused` are those left out of it, by id, `unread` those that need an upgrade."""

    standing: Standing
    refused: frozenset[str]
    unread: frozenset[str]


@dataclass(frozen=True, slots=True)
class Beside:
    """A finding beside the fold: its name, the content that it is about, the ids that it names."""

    name: str
    content: str
    others: tuple[str, ...] = ()


def refold(procedure: Procedure, directory: Directory, contents: Iterable[Content], case: str) -> Refolded:
    """Return the standing of these contents, whose signatures have held and whose senders the directory knows."""
    messages = [_message(one, directory) for one in contents]
    known = [one for one in messages if one.kind in procedure.kinds and procedure.fits(one.kind, one.act)]
    unread = frozenset(one.id for one in messages) - {one.id for one in known}
    whole = fold(procedure, known, case=case)
    refused = frozenset(name for name, verdict in whole.verdicts.items() if verdict.name == "refused")
    standing = fold(procedure, (one for one in known if one.id not in refused), case=case) if refused else whole
    return Refolded(standing, refused, unread)


def _message(content: Content, directory: Directory) -> Message:
    """Return what the fold reads of a content; a root fits under any identity that its sender has had."""
    fingerprints = directory.agency(content.sender).fingerprints
    return message_of(content, opens=any(opens_its_case(content, one) for one in fingerprints))


def beside(
    standing: Standing, contents: Mapping[str, Content], stored: Mapping[tuple[str, str], datetime]
) -> Iterator[Beside]:
    """Yield the findings beside the fold; `stored` maps (agency, content id) to the time of that agency's R1."""
    for one in standing.forks:
        yield Beside("fork", one)
    for content_id, content in contents.items():
        times = [at for (_, name), at in stored.items() if name == content_id]
        if times and min(times) - content.sent_at > LATE:
            yield Beside("late_logged", content_id)
        if content_id in standing.verdicts:
            ignored = _ignored(standing, content, contents, stored)
            if ignored:
                yield Beside("ignored", content_id, ignored)


def _ignored(
    standing: Standing,
    content: Content,
    contents: Mapping[str, Content],
    stored: Mapping[tuple[str, str], datetime],
) -> tuple[str, ...]:
    """Return the contents whose R1 the author had given before it wrote, and that its past leaves out."""
    past = standing.past(content.id)
    return tuple(
        sorted(
            name
            for (agency, name), at in stored.items()
            if agency == content.sender
            and at < content.sent_at
            and name != content.id
            and name in contents
            and name in standing.verdicts
            and name not in past
        )
    )
