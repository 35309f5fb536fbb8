"""What the checks of a bundle stand on: the root file with its directory and policy, the procedure, the case file.

Where somebody gives a root file of their own, theirs is believed: the bundle's must be of the same network, log and
governors, and one of the two directories must go on from the other.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from contracts import tlog
from contracts.directory import LogReplay
from contracts.network import read_network
from contracts.procedure import Procedure, ProcedureRefused, parse
from contracts.refusal import FormatRefused, Refusal
from contracts.statements import StatementRefused
from referral.audit import layout
from referral.audit.report import FAILS, HOLDS, NOTE, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from contracts.directory import Directory, Policies
    from contracts.network import Network
    from referral.audit.layout import CaseFile


class RootDiffers(Refusal):
    """The bundle's root file is not that of the network that you gave."""

    code = "root-differs"


@dataclass(frozen=True, slots=True)
class Ground:
    """The root file, the directory, the policies and the procedure by which the messages of `case` are checked."""

    root: Network
    directory: Directory
    policies: Policies
    procedure: Procedure
    case: CaseFile


class Grounding:
    """Reads the ground of one bundle from its payload; what it finds on the way is in `findings`."""

    def __init__(self, payload: Mapping[str, bytes], given: bytes | None) -> None:
        """Read from `payload` (paths to bytes); `given` are the bytes of a root file to believe, if there is one."""
        self._payload = payload
        self._given = given
        self.findings: list[Finding] = []
        self.case = self._case()

    def ground(self) -> Ground | None:
        """Return the ground, or None where a part of it is missing or does not hold."""
        root = self._root()
        procedure = self._procedure()
        if root is None or procedure is None or self.case is None:
            return None
        directory, policies = self._trust(root)
        if directory is None or policies is None:
            return None
        self._compare(root, procedure, self.case)
        return Ground(root, directory, policies, procedure, self.case)

    def _case(self) -> CaseFile | None:
        raw = self._payload.get(layout.CASE)
        if raw is None:
            return None
        try:
            return layout.read_case(raw)
        except FormatRefused as refused:
            self._fail("case file", layout.CASE, f"It is not of its form. {refused.detail}")
            return None

    def _root(self) -> Network | None:
        raw = self._payload.get(layout.NETWORK)
        if raw is None:
            return None
        own = self._read_root(raw, layout.NETWORK)
        if self._given is None or own is None:
            if own is not None:
                sentence = f"It is the bundle's own: hold its log key against one you know: {own.log.key}"
                self.findings.append(Finding(NOTE, "root file", layout.NETWORK, sentence))
            return own
        given = self._read_root(self._given, "the root file you gave")
        if given is None:
            return None
        try:
            root = _joined(own, given)
        except RootDiffers as differs:
            self._fail("root file", layout.NETWORK, str(differs))
            return None
        self.findings.append(Finding(HOLDS, "root file", layout.NETWORK, "It is of the network that you gave."))
        return root

    def _read_root(self, raw: bytes, about: str) -> Network | None:
        try:
            return read_network(raw)
        except Refusal as refused:
            self._fail("root file", about, str(refused))
            return None

    def _trust(self, root: Network) -> tuple[Directory | None, Policies | None]:
        stated = root.policies()
        try:
            stated.policies.at(0)
            replay = LogReplay(root.name, root.governors, root.statements)
        except (StatementRefused, tlog.PolicyRefused) as refused:
            self._fail("root file", layout.NETWORK, str(refused))
            return None, None
        # A policy may be proven under a checkpoint that it judges itself: all that are here are read before any proof.
        stated.take(self._stated())
        proven = list(self._proven(root, stated.policies))
        for judged in replay.advance(proven, 1 + max((index for index, _ in proven), default=-1)):
            if judged.statement is None:
                sentence = f"The log holds it, and it does not count: {judged.refusal}"
                self.findings.append(Finding(NOTE, "directory", layout.statement_path(judged.index), sentence))
        if proven:
            sentence = f"{len(proven)} statements of the log are proven; root file and log together are the directory."
            self.findings.append(Finding(HOLDS, "directory", layout.DIRECTORY, sentence))
        if len(stated.policies.texts) > 1:
            sentence = f"The log states another policy at {', '.join(str(at) for at, _ in stated.policies.texts[1:])}."
            self.findings.append(Finding(NOTE, "policy", root.log.origin, sentence))
        return replay.directory, stated.policies

    def _stated(self) -> Iterator[tuple[int, bytes]]:
        """Yield every statement that is here, in the order of the log, not proven yet."""
        for index in self._indices():
            said = self._payload.get(layout.statement_path(index))
            if said is not None:
                yield index, bytes([tlog.STATEMENT]) + said

    def _indices(self) -> list[int]:
        return sorted({index for path in self._payload if (index := layout.statement_of(path)) is not None})

    def _proven(self, root: Network, policies: Policies) -> Iterator[tuple[int, bytes]]:
        """Yield the statements that the log is proven to hold, in its order; a statement without its proof fails."""
        for index in self._indices():
            path = layout.statement_path(index)
            said, proof = self._payload.get(path), self._payload.get(layout.statement_proof_path(index))
            if said is None or proof is None:
                self._fail("directory", path, "A statement and its proof belong together; one of them is not here.")
                continue
            entry = bytes([tlog.STATEMENT]) + said
            try:
                logged = tlog.verify_at(proof, entry, policies.at)
            except tlog.LogProofRefused as refused:
                self._fail("directory", path, str(refused))
                continue
            if (logged.index, logged.origin) != (index, root.log.origin):
                self._fail("directory", path, "Its proof is of another place, or of another log.")
                continue
            yield index, entry

    def _procedure(self) -> Procedure | None:
        raw = self._payload.get(layout.PROCEDURE)
        if raw is None:
            return None
        try:
            return parse(tomllib.loads(raw.decode()))
        except ProcedureRefused as refused:
            self._fail("procedure", layout.PROCEDURE, str(refused))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
            self._fail("procedure", layout.PROCEDURE, "It is not TOML in UTF-8.")
        return None

    def _compare(self, root: Network, procedure: Procedure, case: CaseFile) -> None:
        """Hold what the case file says of network and procedure against both."""
        if (case.network, case.training) != (root.name, root.training):
            self._fail(
                "case file", layout.CASE, "It names another network than the root file, or another training mark."
            )
        if dict(case.procedure) != dict(procedure.reference):
            self._fail("procedure", layout.PROCEDURE, "It is not the table that the case file names.")
        else:
            sentence = f"It is {procedure.name} with the hash that the case names."
            self.findings.append(Finding(HOLDS, "procedure", layout.PROCEDURE, sentence))
        if root.training:
            sentence = "It is for training: every person in it is invented."
            self.findings.append(Finding(NOTE, "network", root.name, sentence))

    def _fail(self, check: str, about: str, sentence: str) -> None:
        self.findings.append(Finding(FAILS, check, about, sentence))


def _joined(own: Network, given: Network) -> Network:
    """Return the given root file with the longer of the two directories, or raise `RootDiffers`."""
    for name, differs in _differences(own, given):
        if differs:
            raise RootDiffers(f"The {name} differ.")
    mine = [entry.id for entry in own.statements]
    theirs = [entry.id for entry in given.statements]
    shorter, longer = sorted((mine, theirs), key=len)
    if longer[: len(shorter)] != shorter:
        raise RootDiffers("The directory statements part ways.")
    statements = own.statements if longer is mine else given.statements
    return replace(given, statements=statements)


def _differences(own: Network, given: Network) -> Iterator[tuple[str, bool]]:
    yield "names", own.name != given.name
    yield "training marks", own.training != given.training
    yield "log keys", own.log != given.log
    yield "governors", own.governors != given.governors
