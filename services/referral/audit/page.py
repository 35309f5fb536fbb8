"""The page of a bundle that a layman reads: who was in the case, what was said and stored, what was found; printable.

It is written from the checked files of the bundle and from nothing else, so that `verify` can write it again and hold
it against the one that is there: a page that says more than its files is refused. It is HTML without script, picture
or link, all texts escaped. Change `FORM` with every change of what it says: a page of another form is not compared.
"""

from __future__ import annotations

import json
import tomllib
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from contracts.directory import UnknownAgency
from contracts.encoding import instant_text
from contracts.spoken import spoken_reference
from referral.audit.report import FAILS, HOLDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from contracts.content import Section
    from referral.audit.ground import Ground
    from referral.audit.message_checks import MessageCheck
    from referral.audit.report import Finding

FORM: Final = "landfall-page/1"
_MARK: Final = f'<meta name="generator" content="{FORM}">'
_STYLE: Final = (
    "body{font:16px/1.45 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#0b0c0c}"
    "table{border-collapse:collapse;width:100%;margin:1em 0}"
    "th,td{border-bottom:1px solid #b1b4b6;padding:.35em .6em .35em 0;text-align:left;vertical-align:top}"
    ".training{border:4px solid #d4351c;padding:.5em 1em;font-weight:bold}code{word-break:break-all}"
    "section{break-inside:avoid}@media print{body{margin:0;max-width:none;font-size:11pt}}"
)
_PURPOSE: Final = (
    "This folder is evidence about one case of the referral of a person between agencies of several countries. "
    "Every message was signed by the agency that sent it, and the agencies that received it signed that they did. "
    "A notary entered each message's number into a log that only grows; it never saw what the message says."
)
_CHECK: Final = (
    "This page repeats what the files of the folder say. Do not trust the page: the files can be checked without any "
    "of the agencies, without an account and without a network, by the command referral verify FOLDER, and their "
    "parts by other people's tools: the folder is a BagIt bag, the proofs are C2SP tlog-proof files."
)


def is_of_this_form(page: bytes) -> bool:
    """Say whether a page says of itself that this version wrote it."""
    return _MARK.encode() in page


def write_page(ground: Ground, checks: Sequence[MessageCheck], findings: Iterable[Finding]) -> bytes:
    """Return the page of a bundle or a disclosure: the same files give the same bytes."""
    case = ground.case
    title = f"Evidence about case {spoken_reference(case.case)}"
    rows = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8">{_MARK}<title>{escape(title)}</title>',
        f"<style>{_STYLE}</style></head><body>",
        *_training(ground),
        f"<h1>{escape(title)}</h1>",
        _paragraph(_PURPOSE),
        *_table(
            ("", ""),
            [
                ("Case", f"{spoken_reference(case.case)} ({case.case})"),
                ("Network", case.network),
                ("Given out by", _agency(ground, case.agency)),
                ("On", _time(instant_text(case.exported_at))),
            ],
        ),
        *_who(ground, checks),
        *_what(ground, checks),
        *_sections(checks),
        *_where(ground),
        *_found(findings),
        "<h2>How to check it</h2>",
        _paragraph(_CHECK),
        "</body></html>",
    ]
    return ("\n".join(rows) + "\n").encode()


def _training(ground: Ground) -> Iterator[str]:
    if ground.root.training:
        yield '<p class="training">TRAINING: every person in this case is invented.</p>'


def _agency(ground: Ground, name: str) -> str:
    try:
        found = ground.directory.agency(name)
    except UnknownAgency:
        return name
    return f"{found.title} ({name}, {found.country})"


def _who(ground: Ground, checks: Iterable[MessageCheck]) -> Iterator[str]:
    """List every agency that sent or was sent a message, with the roles in which it did."""
    roles: dict[str, set[str]] = {}
    for check in checks:
        if check.content is not None:
            roles.setdefault(check.content.sender, set()).add(check.content.role)
            for one in check.content.audience:
                roles.setdefault(one.agency, set()).add(one.role)
    yield "<h2>Who is in it</h2>"
    rows = [(_agency(ground, name), ", ".join(map(_words, sorted(found)))) for name, found in sorted(roles.items())]
    yield from _table(("Agency", "Role"), rows)


def _what(ground: Ground, checks: Iterable[MessageCheck]) -> Iterator[str]:
    yield "<h2>What was said, and who stored it</h2>"
    titles = _titles(ground.procedure.name)
    for check in checks:
        yield from _message(check, titles)


def _message(check: MessageCheck, titles: Mapping[str, str]) -> Iterator[str]:
    listed, content = check.listed, check.content
    yield f"<section><h3>{escape(titles.get(listed.kind, _words(listed.kind)))}</h3>"
    if content is None:
        yield _paragraph("What is said about this message does not hold; see below.") + "</section>"
        return
    stored = [f"{agency}, {_time(instant_text(at))}" for agency, at in sorted(check.stored.items())]
    logged = check.logged
    rows = [
        ("From", f"{content.sender}, as {_words(content.function)}"),
        ("To", ", ".join(one.agency for one in content.audience)),
        ("Sent", _time(instant_text(content.sent_at))),
        *((_words(name), _value(value)) for name, value in sorted(content.act.items())),
        *((f"Rule {one['rule']}", _guard(one)) for one in content.guards if one["result"] != "passed"),
        ("Stored by", "; ".join(stored) or "no receipt is here"),
        ("Notary", f"{logged.word}, entry {logged.index} of {logged.size}" if logged else "unlogged"),
        ("Number", content.id),
    ]
    yield from _table(("", ""), rows)
    yield "</section>"


def _guard(guard: Mapping[str, Any]) -> str:
    return ", ".join(_words(str(value)) for name, value in sorted(guard.items()) if name != "rule")


def _sections(checks: Iterable[MessageCheck]) -> Iterator[str]:
    """Show the sections that were given out with the bundle, and what is left of those that were erased."""
    shown = [(check, section) for check in checks for section in check.shown]
    gone = [(check, commitment) for check in checks for commitment in check.gone]
    if shown:
        yield "<h2>Sections that were given out</h2>"
    for check, section in shown:
        yield f"<section><h3>{escape(_words(section.name))}, in {escape(check.listed.label)}</h3>"
        yield from _table(("", ""), _fields(section))
        yield "</section>"
    if gone:
        yield "<h2>Sections that were erased</h2>"
        rows = [(check.listed.label, f"[erased, commitment {commitment}]") for check, commitment in gone]
        yield from _table(("Message", "What is left"), rows)


def _fields(section: Section) -> list[tuple[str, str]]:
    body = json.loads(section.body)
    return [(_words(name), _value(value)) for name, value in sorted(body.items())]


def _where(ground: Ground) -> Iterator[str]:
    registers = ground.case.document.get("registers", [])
    if registers:
        yield "<h2>Where the case stands</h2>"
        yield from _table(("", ""), [(str(name), _words(str(value))) for name, value, _ in registers])


def _found(findings: Iterable[Finding]) -> Iterator[str]:
    """List what does not hold, what is missing and what is to be known; what holds is counted."""
    all_of_them = list(findings)
    holds = sum(one.word == HOLDS for one in all_of_them)
    fails = sum(one.word == FAILS for one in all_of_them)
    yield "<h2>What was found</h2>"
    yield _paragraph(f"{holds} checks hold, {fails} do not.")
    rows = [(one.word, one.check, one.about, one.sentence) for one in all_of_them if one.word != HOLDS]
    if rows:
        yield from _table(("Word", "Checked", "About", "Finding"), rows)


def _titles(procedure: str) -> Mapping[str, str]:
    """Return the titles of the kinds of a procedure that ships, or none."""
    file = resources.files("contracts").joinpath("procedures", "titles", f"{procedure}.en.toml")
    if not file.is_file():
        return {}
    return {kind: words["title"] for kind, words in tomllib.loads(file.read_text(encoding="utf-8")).items()}


def _words(code: str) -> str:
    return code.replace("_", " ").replace("-", " ")


def _time(text: str) -> str:
    return text.replace("T", " ").removesuffix("Z") + " UTC"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{_words(name)}: {_value(one)}" for name, one in sorted(value.items()))
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "<table>"
    if any(head):
        yield "<tr>" + "".join(f"<th>{escape(one)}</th>" for one in head) + "</tr>"
    for row in rows:
        first, *rest = row
        yield f"<tr><th>{escape(first)}</th>" + "".join(f"<td>{escape(one)}</td>" for one in rest) + "</tr>"
    yield "</table>"
