"""Every event and every content that a release has stored is read as it was: to the same bytes, ids and digests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from contracts.content import content_id, read
from corpus.replaying import MAPPER, TABLE, digest_of, events, line_of, made_of, row_of, topics
from referral.casework.case import Case
from referral.store.errors import StoredEventRefused
from referral.store.mapper import only_event
from referral.store.transcoding import decode, encode

HERE: Final = Path(__file__).parent
HISTORIES: Final = sorted((HERE / "histories").rglob("*.jsonl"))
CONTENTS: Final = sorted((HERE / "contents").glob("*.json"))


def frozen(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the head of a history and its lines."""
    head, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return head, lines


@pytest.mark.parametrize("path", HISTORIES, ids=[path.stem for path in HISTORIES])
def test_a_history_comes_to_the_digest_that_it_had(path: Path) -> None:
    head, lines = frozen(path)
    rows = [row_of(line) for line in lines]
    assert digest_of(made_of(rows)) == head["digest"]


@pytest.mark.parametrize("path", HISTORIES, ids=[path.stem for path in HISTORIES])
def test_events_are_written_again_as_the_bytes_that_they_were(path: Path) -> None:
    _head, lines = frozen(path)
    assert [line_of(row) for row in MAPPER.rows(events([row_of(line) for line in lines]))] == lines


def test_every_event_that_is_stored_is_in_the_corpus() -> None:
    """Whoever adds an event, or a version of one, freezes a history with it (docs/howto/upgrade.md)."""
    there = {line["topic"] for path in HISTORIES for line in frozen(path)[1]}
    assert topics() - there == set()


@pytest.mark.parametrize("path", CONTENTS, ids=[path.stem for path in CONTENTS])
def test_a_content_is_read_under_the_id_that_it_had(path: Path) -> None:
    for one in json.loads(path.read_text(encoding="utf-8")):
        raw = one["content"].encode()
        content = read(raw, TABLE)
        assert (content.kind, content.id, content_id(raw), content.known) == (one["kind"], one["id"], one["id"], True)
        assert content.raw == raw


def test_every_kind_of_message_is_in_the_corpus() -> None:
    there = {one["kind"] for path in CONTENTS for one in json.loads(path.read_text(encoding="utf-8"))}
    assert set(TABLE.kinds) - there == set()


def test_a_field_that_this_release_does_not_know_is_kept_in_the_event() -> None:
    """A later release of the same shape may have added it: it comes back as it was written."""
    head, lines = frozen(next(path for path in HISTORIES if frozen(path)[0]["digest"]))
    rows = [row_of(line) for line in lines]
    longer = [(*row[:3], encode({**decode(row[3]), "of_a_later_release": {"kept": b"\x00\xff"}})) for row in rows]
    assert MAPPER.rows(events(longer)) == longer
    assert digest_of(made_of(longer)) == head["digest"]


@pytest.mark.parametrize("change", [{"topic": "case/dreamt/1"}, {"topic": "case/message-sent/2"}, {"shape": 2}])
def test_an_event_of_a_later_release_is_refused_by_name_and_never_guessed_at(change: dict[str, Any]) -> None:
    _head, lines = frozen(HISTORIES[0])
    originator, version, topic, state = row_of(lines[0])
    if "shape" in change:
        state = encode({**decode(state), "class_version": change["shape"]})
    (found,) = MAPPER.read([(originator, version, change.get("topic", topic), state)])
    assert isinstance(found, StoredEventRefused)
    with pytest.raises(StoredEventRefused, match="release"):
        only_event(found)


def test_the_corpus_would_notice_one_event_less() -> None:
    path = next(path for path in HISTORIES if frozen(path)[0]["digest"])
    head, lines = frozen(path)
    rows = [row_of(line) for line in lines]
    at = max(number for number, row in enumerate(rows) if row[2] == Case.MessageReceived.TOPIC)
    assert digest_of(made_of(rows[:at])) != head["digest"]
