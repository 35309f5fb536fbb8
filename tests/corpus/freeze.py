"""Writes the corpus of a release: `python tests/corpus/freeze.py NAME PLAYED ...`, of folders that were played in.

Of the cases in them it takes as few as show every topic of an event and every kind of a message that is in any, and
writes each with the digest of its standing; and it composes a content of every kind of the table. What stands in
`histories/` and `contents/` is never written again: a later release adds its own beside it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from contracts.content import case_id, content_id, read  # noqa: E402 - found only on the path set above
from contracts.encoding import b64  # noqa: E402 - the same
from corpus.replaying import MAPPER, TABLE, digest_of, line_of, made_of, row_of  # noqa: E402 - the same
from reference.comparison import TABLE as SPELLED  # noqa: E402 - the same
from referral.casework.case import Case  # noqa: E402 - the same
from referral.opening import KEY_FILE, open_node  # noqa: E402 - the same
from referral.play.clock import StageClock  # noqa: E402 - the same
from referral.store.mapper import Erased  # noqa: E402 - the same
from referral.store.store import Stored  # noqa: E402 - the same
from referral.vault import KeyFile  # noqa: E402 - the same
from small_network import NOW, SALT, first_step, identity, profile, seed, signature, skid  # noqa: E402 - the same

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE: Final = Path(__file__).parent
AN_ID: Final = b64(seed("another content"))
SIMPLE: Final[dict[str, Any]] = {
    "boolean": True,
    "date": "2026-09-14",
    "function": "focal-point",
    "section": "profile",
    "agency": "hu-iom",
    "register": "case",
    "value": "open",
    "case": case_id(identity("be-fp"), SALT),
    "act": {"preliminary_risk": "high"},
}


def rows_of(home: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a node's store as lines, by originator, in their order."""
    node = open_node(home, KeyFile(home / KEY_FILE), StageClock(NOW), reader=True)
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        for item in node.store.page(0, 100_000).items:
            if isinstance(item, Stored) and not isinstance(item.event, Erased):
                found.setdefault(item.case, []).extend(line_of(row) for row in MAPPER.rows([item.event]))
    finally:
        node.store.close()
        node.vault.close()
    return found


def shown(lines: Iterable[dict[str, Any]]) -> set[str]:
    """Return the topics of these lines, and the kinds of the messages in them."""
    found = set()
    for line in lines:
        found.add(str(line["topic"]))
        fields = vars(MAPPER.read([row_of(line)])[0])
        if "content" in fields:
            found.add("kind " + read(fields["content"], TABLE).kind)
    return found


def fewest(histories: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return the names of few histories that together show what all show."""
    show = {name: shown(lines) for name, lines in histories.items()}
    missing, chosen = set().union(*show.values()), list[str]()
    while missing:
        best = max(sorted(show), key=lambda name: (len(show[name] & missing), -len(histories[name])))
        chosen.append(best)
        missing -= show[best]
    return chosen


def every_event() -> list[dict[str, Any]]:
    """Return a history with an event of each sort that a case can have, seldom ones too, written by hand."""
    raw, case = first_step([profile("hu-fp")]), case_id(identity("be-fp"), SALT)
    signed = {"skid": skid("be-fp"), "signature": signature("be-fp", raw)}
    message = {"content": raw, "opens": True, "sections": {b64(profile("hu-fp").commitment): b"sealed"}, **signed}
    other = first_step(kind="case-hold", act=act_of("case-hold"))
    statement = {"statement": b"{}", **signed}
    made = Case.open(case, SALT, NOW)
    for event, fields in (
        (Case.MessageSent, message),
        (Case.MessageReceived, {**message, "content": other, "opens": False, "returned_by": "hu-iom"}),
        (Case.SectionsReceived, {"content_id": content_id(other), "sections": {AN_ID: b"sealed"}}),
        (Case.MessageRefused, {"content_id": AN_ID, "sender": "hu-fp", "reason": "not-member"}),
        (
            Case.ReceiptRecorded,
            {"agency": "hu-fp", "stage": "R1", "items": ((content_id(raw), ""),), "at": NOW, **statement},
        ),
        (
            Case.SilenceRecorded,
            {
                "content_id": content_id(raw),
                "agency": "be-fp",
                "silent": "hu-fp",
                "respond_by": NOW,
                "warned_at": NOW,
                **statement,
            },
        ),
        (
            Case.SectionErased,
            {
                "content_id": content_id(raw),
                "commitment": AN_ID,
                "ground": "consent_withdrawn",
                "approver": "focal-point",
            },
        ),
    ):
        made.trigger_event(event, timestamp=NOW, **fields)
    return [line_of(row) for row in MAPPER.rows(list(made.collect_events()))]


def act_of(kind: str) -> dict[str, Any]:
    """Return an act of a kind: each field that is required, or wanted by a code, in its first form."""
    schema = SPELLED["kind"][kind]["act"]
    act = {name: first(field) for name, field in schema.items() if field["required"]}
    for name, field in schema.items():
        if any(act.get(other) in codes for other, codes in field.get("with", {}).items()):
            act[name] = first(field)
    return act


def first(field: dict[str, Any]) -> Any:
    """Return the first value of a field."""
    if "row" in field:
        one: Any = {name: first(inner) for name, inner in field["row"].items()}
    elif "codes" in field:
        one = field["codes"][0]
    elif field["type"] == "integer":
        one = field["min"]
    else:
        one = SIMPLE.get(field["type"], AN_ID)
    return [one] if field.get("many") else one


def contents() -> list[dict[str, Any]]:
    """Return a content of every kind of the table, with its id."""
    found = []
    for kind in sorted(TABLE.kinds):
        raw = first_step(kind=kind, act=act_of(kind))
        found.append({"kind": kind, "id": content_id(raw), "content": raw.decode()})
    return found


def main() -> None:
    """Write what is not there yet."""
    name, played = sys.argv[1], [Path(one) for one in sys.argv[2:]]
    histories = {"every-event": every_event()}
    for folder in played:
        for home in sorted(one for one in (folder / "nodes").iterdir() if one.is_dir()):
            for number, lines in enumerate(rows_of(home).values()):
                histories[f"{folder.name}.{home.name}.{number}"] = lines
    for one in fewest(histories):
        lines = histories[one]
        file = HERE / "histories" / name / f"{one}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        head = {"release": name, "digest": digest_of(made_of([row_of(line) for line in lines]))}
        file.write_text("".join(json.dumps(line) + "\n" for line in [head, *lines]), encoding="utf-8")
        sys.stdout.write(f"{file.name}: {len(lines)} events, {sorted(shown(lines))}\n")
    file = HERE / "contents" / f"{name}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(contents(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
