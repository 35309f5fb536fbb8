"""What the command line calls: replay, export, disclose, verify, check; each answers as document and lines."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from contracts.refusal import Refusal
from referral.audit import bundle as bundles
from referral.audit.completeness import check as check_folder
from referral.audit.replay import replay as replay_node
from referral.audit.verify import verify as verify_folder
from referral.opening import PROOFS_FOLDER
from referral.queries import Queries
from referral.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from referral.audit.bundle import Bundle, LogRead, OneSection
    from referral.node import Node

    Progress = Callable[[str], None]

FUNCTION: Final = "auditor"
EXPORT: Final = "export"
DISCLOSE: Final = "disclose"


class ReadsNotLogged(Refusal):
    """Sections go out only where their reading can be logged; end `referral up` on this node and export again."""

    code = "reads-not-logged"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found: whether it holds, what `--json` prints, and what a person reads."""

    held: bool
    value: Mapping[str, Any]
    text: tuple[str, ...]

    def document(self) -> Mapping[str, Any]:
        """Return it as `--json` prints it."""
        return self.value

    def lines(self) -> Iterable[str]:
        """Return it as people read it."""
        return self.text


def _silent(_doing: str) -> None:
    """Tell nobody."""


def replay(node: Node, *, at: datetime | None = None, progress: Progress = _silent) -> Answer:
    """Replay a node opened as a reader; at a time: the cases as it knew them then."""
    found = replay_node(node, at=at, progress=progress)
    return Answer(found.ok, found.to_json(), found.lines)


def export(
    node: Node,
    folder: Path,
    case: str,
    out: Path,
    *,
    sections: bool = False,
    principal: str = "",
    progress: Progress = _silent,
) -> Answer:
    """Write the bundle of a case of the node in `folder` to the folder `out`.

    With `sections`, those that may be read now go with it, each read logged for `principal`; the node must then be
    opened for writing, or `ReadsNotLogged` is raised and nothing is written.
    """
    proofs = folder / PROOFS_FOLDER
    log_read = _reading(Queries(node, proofs), principal, EXPORT) if sections else None
    found = bundles.export(node, proofs, case, out, sections=log_read, progress=progress)
    return Answer(held=True, value={**asdict(found), "folder": str(found.folder)}, text=_lines(found))


def disclose(node: Node, folder: Path, one: OneSection, out: Path, *, principal: str = "") -> Answer:
    """Write one section of a message of the node in `folder` to the folder `out`, its read logged for `principal`.

    The node must be opened for writing, or `ReadsNotLogged` is raised and nothing is written.
    """
    proofs = folder / PROOFS_FOLDER
    log_read = _reading(Queries(node, proofs), principal, DISCLOSE)
    found = bundles.disclose(node, proofs, one, out, log_read=log_read)
    proven = "with the notary's proof" if found.proven else "without a proof of the notary, which has not come yet"
    text = (
        f"The disclosure is in {found.folder}: the section {one.section} of one message, {proven}.",
        "It shows the codes of that message too, which its signature covers; read data/messages before you hand it on.",
        f"Anybody can check it, offline: referral verify {found.folder}",
    )
    return Answer(held=True, value={**asdict(one), "folder": str(found.folder), "proven": found.proven}, text=text)


def _reading(queries: Queries, principal: str, purpose: str) -> LogRead:
    """Return what logs that a section is handed out, or raises what shuts it."""

    def log_read(case: str, message: str, section: str) -> object:
        try:
            return queries.read_section(case, message, section, function=FUNCTION, purpose=purpose, principal=principal)
        except StoreUnavailable:
            raise ReadsNotLogged from None

    return log_read


def _lines(found: Bundle) -> tuple[str, ...]:
    sections = f"{found.sections} sections" if found.sections else "no sections"
    counts = f"{found.messages} messages, {found.receipts} receipts, {found.proofs} proofs, {sections}"
    return (
        f"The bundle is in {found.folder}: {counts}, {found.erased} erased.",
        f"The standing has the digest {found.digest}.",
        f"Anybody can check it, offline: referral verify {found.folder}",
    )


def verify(bundle: Path, *, network: Path | None = None, progress: Progress = _silent) -> Answer:
    """Verify a bundle, against a root file that one trusts where `network` names it."""
    progress("reading")
    found = verify_folder(bundle, network)
    return Answer(found.ok, found.to_json(), found.lines)


def check(folder: Path, *, network: Path | None = None, progress: Progress = _silent) -> Answer:
    """Hold the rows of the node in `folder` against its anchors, under a root file that one trusts if it is given."""
    found = check_folder(folder, network, progress)
    return Answer(found.ok, found.to_json(), found.lines)
