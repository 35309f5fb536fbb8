"""Verifies a bundle offline: no server, no account, no network, and nothing of a node; contracts and files alone.

From the outside in: the bag, the root file, the procedure, then message by message, then the standing folded anew from
what held, and what stands beside it. Whatever the folder holds, the answer is a report; nothing is raised.
It cannot show that nothing was left out (evidence.md 7, claims in the docs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts import shape
from contracts.encoding import compact
from contracts.refusal import FormatRefused
from referral.audit import layout
from referral.audit.bag import Bag, info_lines, read_bag
from referral.audit.ground import Ground, Grounding
from referral.audit.message_checks import MessageCheck
from referral.audit.page import is_of_this_form, write_page
from referral.audit.refold import Refolded, beside, refold
from referral.audit.report import FAILS, HOLDS, MISSING, NOTE, Finding, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from contracts.content import Content
    from referral.audit.bag import Fault
    from referral.audit.layout import CaseFile, Listed

BESIDE = {
    "fork": "Fork: its author wrote another message beside it, neither naming the other.",
    "late_logged": "Late: nobody stored it within 24 hours of the time that it names.",
    "ignored": "Ignored: its author had stored {others} before, and does not name it.",
}
ANOTHER_VERSION = "Another version wrote it, and it was not compared: trust these lines."
VERDICTS = {
    "flagged": "It is a fact that breaks rule {rule}: it counts, flagged.",
    "void": "It is without effect, by rule {rule}.",
    "pending": "It waits for a message that is missing here.",
    "parked": "It is parked: nothing here names its sender yet.",
}


def verify(folder: Path, network: Path | None = None) -> Report:
    """Return what holds, does not hold and is missing in the bundle at `folder`.

    `network` is a root file that you trust; without it the bundle's own is taken, and the report says so.
    """
    bag = read_bag(folder)
    given = None
    findings: list[Finding] = []
    if network is not None:
        try:
            given = network.read_bytes()
        except OSError:
            findings.append(Finding(FAILS, "root file", "the root file you gave", "It cannot be read."))
    grounding = Grounding(bag.payload, given)
    case = grounding.case
    findings += _form(bag, case)
    ground = grounding.ground()
    findings += grounding.findings
    findings += _absent(bag)
    if ground is None:
        findings.append(Finding(MISSING, "messages", "the case", "Not checked, because of what does not hold above."))
    else:
        findings += _info(bag, ground.case)
        checks = list(_checks(bag, ground))
        said = list(_messages(bag, ground, checks))
        findings += said
        if all(one.word != FAILS for one in findings):
            findings += _page(bag, write_page(ground, checks, said), joined=given is not None)
    return Report(tuple(findings), case.case if case else "", case.network if case else "")


def page_of(payload: Mapping[str, bytes]) -> bytes | None:
    """Return the page that belongs to these files of a bundle, by its own root file; None where they do not hold."""
    bag = Bag({path: raw for path, raw in payload.items() if path != layout.PAGE}, b"", ())
    ground = Grounding(bag.payload, None).ground()
    if ground is None:
        return None
    checks = list(_checks(bag, ground))
    return write_page(ground, checks, _messages(bag, ground, checks))


def _page(bag: Bag, page: bytes, *, joined: bool) -> Iterator[Finding]:
    """Hold the page that people read against the one of these checks; of a `joined` root file, or of the own one."""
    found = bag.payload[layout.PAGE]
    if not is_of_this_form(found):
        yield Finding(NOTE, "page", layout.PAGE, ANOTHER_VERSION)
    elif found == page or (joined and found == page_of(bag.payload)):
        yield Finding(HOLDS, "page", layout.PAGE, "It says what the files of this folder say.")
    else:
        yield Finding(FAILS, "page", layout.PAGE, "It says something else than the files of this folder.")


# -- form ------------------------------------------------------------------------------------------------------------


def _form(bag: Bag, case: CaseFile | None) -> Iterator[Finding]:
    """Name every fault of the form, by message where the file belongs to one."""
    listed = {one.id: one for one in case.messages} if case else {}
    for fault in bag.faults:
        yield _form_finding(fault, listed)
    if not bag.faults:
        yield Finding(HOLDS, "form", "the folder", f"It holds {len(bag.payload)} files, each as listed, and no other.")


def _form_finding(fault: Fault, listed: Mapping[str, Listed]) -> Finding:
    message = _message_of(fault.path)
    one = listed.get(message)
    about = f"message {message[: layout.SHOWN]}" if one is None else one.label
    return Finding(FAILS, "form", f"{about} ({fault.path})" if message else fault.path, fault.sentence, message)


def _message_of(path: str) -> str:
    """Return the content id in a path below `data/messages/`, or nothing."""
    name, _, _ = path.removeprefix(layout.MESSAGES).partition("/")
    if not path.startswith(layout.MESSAGES):
        return ""
    try:
        return shape.ID(name)
    except FormatRefused:
        return ""


def _absent(bag: Bag) -> Iterator[Finding]:
    """Name the files that every bundle has and this one has not, and those that no bundle has."""
    if not bag.payload and bag.faults:
        return
    faulted = {fault.path for fault in bag.faults}
    parts = (layout.NETWORK, layout.PROCEDURE, layout.CASE, layout.PAGE)
    for path in parts:
        if path not in bag.payload and path not in faulted:
            yield Finding(FAILS, "form", path, "It is not here.")
    for path in sorted(bag.payload.keys() - set(parts)):
        if not _message_of(path) and layout.statement_of(path) is None:
            yield Finding(FAILS, "form", path, "It is no part of a bundle.")


def _info(bag: Bag, case: CaseFile) -> Iterator[Finding]:
    """Hold `bag-info.txt` against what it repeats, where no file is at fault already."""
    if not bag.faults and bag.info != info_lines(layout.bag_fields(case), bag.payload):
        yield Finding(FAILS, "form", "bag-info.txt", f"It does not say what {layout.CASE} says.")


# -- messages --------------------------------------------------------------------------------------------------------


def _messages(bag: Bag, ground: Ground, checks: list[MessageCheck]) -> Iterator[Finding]:
    listed = {one.id for one in ground.case.messages}
    for message in sorted({_message_of(path) for path in bag.payload} - listed - {""}):
        about = f"message {message[: layout.SHOWN]}"
        yield Finding(FAILS, "form", about, f"{layout.CASE} does not list it.", message)
    for check in checks:
        yield from check.findings
    yield from _one_log(checks)
    yield from _witnesses(ground, checks)
    yield from _unrooted(ground.case, checks)
    if ground.case.section:
        yield _disclosed(ground.case)
        return
    yield from _left_out(ground.case)
    yield from _standing(ground, checks)


def _checks(bag: Bag, ground: Ground) -> Iterator[MessageCheck]:
    """Check each message with the files of its folder, in the order of the case file."""
    files: dict[str, dict[str, bytes]] = {}
    faulted: dict[str, set[str]] = {}
    for path, raw in bag.payload.items():
        files.setdefault(_message_of(path), {})[_below(path)] = raw
    for fault in bag.faults:
        faulted.setdefault(_message_of(fault.path), set()).add(_below(fault.path))
    for one in ground.case.messages:
        check = MessageCheck(ground, one, files.get(one.id, {}), frozenset(faulted.get(one.id, ())))
        check.run()
        yield check


def _below(path: str) -> str:
    """Return a path below its message's folder."""
    return path.removeprefix(layout.MESSAGES).partition("/")[2]


def _one_log(checks: Iterable[MessageCheck]) -> Iterator[Finding]:
    """Two roots of one log for one size convict the notary (evidence.md 3)."""
    roots: dict[int, set[bytes]] = {}
    for check in checks:
        for logged in (*([] if check.logged is None else [check.logged]), *check.roots):
            known = roots.setdefault(logged.size, set())
            if len(known) == 1 and logged.root not in known:
                sentence = "Its proof and that of another show two logs of one size: keep both, call the notary."
                yield Finding(FAILS, "log", check.listed.label, sentence, check.listed.id)
            known.add(logged.root)


def _witnesses(ground: Ground, checks: Iterable[MessageCheck]) -> Iterator[Finding]:
    """Say what the proofs are worth together: *logged*, or *witnessed* and by whom."""
    proven = [check.logged for check in checks if check.logged is not None]
    if not any(ground.policies.at(one.size).asks_for_witnesses for one in proven):
        yield Finding(NOTE, "witnesses", ground.root.log.origin, "None: what is proven is logged, not witnessed.")
        return
    witnessed = [one for one in proven if one.witnessed]
    names = ", ".join(sorted({name for one in witnessed for name in one.witnesses})) or "nobody"
    sentence = f"{len(witnessed)} of {len(proven)} proofs are witnessed, by {names}; the others say logged."
    yield Finding(NOTE, "witnesses", ground.root.log.origin, sentence)


def _unrooted(case: CaseFile, checks: list[MessageCheck]) -> Iterator[Finding]:
    """Say of how many receipts and silences it is not shown that they were logged in their hour."""
    many = sum(len(check.unrooted) for check in checks)
    if many:
        sentence = f"{many} of the statements here are not shown to be in the log with the receipts of their hour."
        yield Finding(MISSING, "receipt log", f"case {case.case}", sentence)
    young = sum(len(check.young) for check in checks)
    if young:
        sentence = f"{young} of the statements here had not been logged yet when this was exported: it is done hourly."
        yield Finding(NOTE, "receipt log", f"case {case.case}", sentence)


def _disclosed(case: CaseFile) -> Finding:
    sentence = f"It shows the section {case.section} of one message and says nothing of the rest of the case."
    return Finding(NOTE, "disclosure", f"case {case.case}", sentence)


def _left_out(case: CaseFile) -> Iterator[Finding]:
    for message in case.left_out:
        sentence = "The exporting agency holds it and left it out: its sender has no seat in the case."
        yield Finding(NOTE, "message", f"message {message[: layout.SHOWN]}", sentence, message)


# -- standing --------------------------------------------------------------------------------------------------------


def _standing(ground: Ground, checks: list[MessageCheck]) -> Iterator[Finding]:
    case = ground.case
    about = f"case {case.case}"
    if any(check.content is None for check in checks):
        yield Finding(MISSING, "standing", about, "Not folded again, because a message above does not hold.")
        return
    contents = {check.content.id: check.content for check in checks if check.content is not None}
    found = refold(ground.procedure, ground.directory, contents.values(), case.case)
    labels = {one.id: one.label for one in case.messages}
    yield from _verdicts(found, labels)
    yield from _overtaken(found, labels)
    for name in found.standing.missing:
        yield Finding(MISSING, "message", f"message {name[: layout.SHOWN]}", "It is named here and not held.", name)
    if (compact(case.document), case.digest) == (found.standing.document(), found.standing.digest()):
        sentence = f"Folded again from {len(contents)} messages, it has the digest {case.digest}."
        yield Finding(HOLDS, "standing", about, sentence)
    else:
        yield Finding(FAILS, "standing", about, f"Folded again from the messages, it is not what {layout.CASE} says.")
    yield from _beside(found, contents, checks, labels)


def _verdicts(found: Refolded, labels: Mapping[str, str]) -> Iterator[Finding]:
    for message in sorted(found.refused):
        yield Finding(FAILS, "membership", labels[message], "Its sender has no seat in the case.", message)
    for message, verdict in sorted(found.standing.verdicts.items()):
        sentence = VERDICTS.get(verdict.name)
        if sentence is not None:
            yield Finding(NOTE, "verdict", labels[message], sentence.format(rule=verdict.rule), message)


def _overtaken(found: Refolded, labels: Mapping[str, str]) -> Iterator[Finding]:
    for message in found.standing.overtaken:
        sentence = "Overtaken: it is effective and sets nothing, because what came later or beside it stands."
        yield Finding(NOTE, "overtaken", labels[message], sentence, message)


def _beside(
    found: Refolded, contents: Mapping[str, Content], checks: Iterable[MessageCheck], labels: Mapping[str, str]
) -> Iterator[Finding]:
    stored = {(agency, one.listed.id): at for one in checks for agency, at in one.stored.items()}
    for one in beside(found.standing, contents, stored):
        others = ", ".join(labels[name] for name in one.others)
        yield Finding(NOTE, one.name, labels[one.content], BESIDE[one.name].format(others=others), one.content)
