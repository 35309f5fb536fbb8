"""Trust policies (C2SP tlog-policy): which logs one believes, which witnesses one knows, how many of them are enough.

`quorum none` is a policy like any other: what it lets through is *logged*, never *witnessed*. Names are opaque bytes
to the specification; here they are text in which a byte that is no UTF-8 stays itself. A file that breaks a rule is
refused whole with `PolicyRefused`, which names the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from contracts.refusal import Refusal
from contracts.tlog import note

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NONE: Final = "none"
MAX_POLICY: Final = 65_536
MAX_LINES: Final = 1_024

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_BLANKS = re.compile(r"[ \t]+")
_COUNT = re.compile(r"[1-9][0-9]{0,5}")


class PolicyRefused(Refusal):
    """This is no trust policy; correct the line that is named and read it again."""

    code = "policy"


@dataclass(frozen=True, slots=True)
class Log:
    """A log whose checkpoints are believed: its key, whose name is the origin, and where it is (or None)."""

    key: note.NoteKey
    url: str | None


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness: its name in this file, its cosigning key, and where it is (or None)."""

    name: str
    key: note.NoteKey
    url: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses and groups of which `threshold` are enough."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as read: `quorum` is `none` or the name of a witness or a group."""

    logs: tuple[Log, ...]
    witnesses: Mapping[str, Witness]
    groups: Mapping[str, Group]
    quorum: str

    @property
    def log_keys(self) -> tuple[note.NoteKey, ...]:
        """The keys of all logs."""
        return tuple(log.key for log in self.logs)

    @property
    def witness_keys(self) -> tuple[note.NoteKey, ...]:
        """The keys of all witnesses."""
        return tuple(witness.key for witness in self.witnesses.values())

    @property
    def asks_for_witnesses(self) -> bool:
        """Whether this policy can make anything *witnessed*."""
        return self.quorum != NONE

    def cosigners(self, keys: Iterable[note.NoteKey]) -> tuple[str, ...]:
        """Return the names of the witnesses whose keys are among `keys`, sorted."""
        given = set(keys)
        return tuple(sorted(name for name, witness in self.witnesses.items() if witness.key in given))

    def satisfied_by(self, names: Iterable[str]) -> bool:
        """Return whether cosignatures of the witnesses of these names reach the quorum."""
        given = {name for name in names if name in self.witnesses}
        # A group is defined after its members, so one pass in the order of the file decides them all.
        for group in self.groups.values():
            if sum(member in given for member in group.members) >= group.threshold:
                given.add(group.name)
        return self.quorum == NONE or self.quorum in given

    def stood_at(self, times: Mapping[str, int]) -> int | None:
        """Return the latest time at which the quorum stood, by what each witness states; None where it never did.

        `times` holds POSIX seconds by the witnesses' names. A policy of no quorum asks nobody, and so has no time.
        """
        given = set[str]()
        for name, time in sorted(times.items(), key=lambda one: one[1], reverse=True):
            given.add(name)
            if self.witnessed_by(given):
                return time
        return None

    def witnessed_by(self, names: Iterable[str]) -> bool:
        """Return whether such cosignatures make a checkpoint *witnessed*: a policy of no quorum never says so."""
        return self.asks_for_witnesses and self.satisfied_by(names)


@dataclass(slots=True)
class _Draft:
    """A policy while its lines are read."""

    logs: list[Log] = field(default_factory=list)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)
    quorum: str | None = None

    def line(self, words: list[str]) -> None:
        """Take one line that is neither empty nor a comment."""
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                self.log(vkey, *url)
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self.witness(name, vkey, *url)
            case ["group", name, threshold, *members]:
                self.group(name, threshold, members)
            case ["quorum", name]:
                self.set_quorum(name)
            case _:
                raise PolicyRefused("A line is log, witness, group or quorum with its words.")

    def log(self, vkey: str, url: str | None = None) -> None:
        key = _key(vkey, note.ED25519, "A log's key is an Ed25519 key of type 1.")
        if any(log.key.public == key.public for log in self.logs):
            raise PolicyRefused("Two logs have one key.")
        self.logs.append(Log(key, url))

    def witness(self, name: str, vkey: str, url: str | None = None) -> None:
        key = _key(vkey, note.COSIGNATURE, "A witness's key is an Ed25519 cosigning key of type 4.")
        if any(witness.key.public == key.public for witness in self.witnesses.values()):
            raise PolicyRefused("Two witnesses have one key.")
        self.new_name(name)
        self.witnesses[name] = Witness(name, key, url)

    def group(self, name: str, threshold: str, members: list[str]) -> None:
        for member in members:
            if not self.defined(member) or member in self.grouped:
                raise PolicyRefused("A member of a group is defined on an earlier line and belongs to one group only.")
            self.grouped.add(member)
        self.new_name(name)
        counted = {"all": str(len(members)), "any": "1"}.get(threshold, threshold)
        if not _COUNT.fullmatch(counted) or not 1 <= int(counted) <= len(members):
            raise PolicyRefused("A group asks for all, any, or a number of its members.")
        self.groups[name] = Group(name, int(counted), tuple(members))

    def set_quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise PolicyRefused("There is one quorum line.")
        if name != NONE and not self.defined(name):
            raise PolicyRefused("The quorum is none, or a name of an earlier line.")
        self.quorum = name

    def new_name(self, name: str) -> None:
        if name == NONE or self.defined(name):
            raise PolicyRefused("A name is given once, and none is taken.")

    def defined(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups


def _key(vkey: str, kind: int, sentence: str) -> note.NoteKey:
    try:
        key = note.read_key(vkey)
    except note.NoteKeyRefused as refused:
        raise PolicyRefused(refused.detail) from None
    if key.kind != kind:
        raise PolicyRefused(sentence)
    return key


def read_policy(raw: bytes) -> Policy:
    """Return the policy of a file, or raise `PolicyRefused`; a missing newline at the end of the file is forgiven."""
    if len(raw) > MAX_POLICY or raw.count(b"\n") > MAX_LINES:
        raise PolicyRefused(f"It has more than {MAX_POLICY} bytes or {MAX_LINES} lines.")
    if found := _FORBIDDEN.search(raw):
        number = raw.count(b"\n", 0, found.start()) + 1
        raise PolicyRefused(f"Line {number}: It holds control characters other than tab and newline.")
    draft = _Draft()
    for number, line in enumerate(raw.decode("utf-8", "surrogateescape").split("\n"), start=1):
        words = [word for word in _BLANKS.split(line) if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            draft.line(words)
        except PolicyRefused as refused:
            raise PolicyRefused(f"Line {number}: {refused.detail}") from None
    if draft.quorum is None:
        raise PolicyRefused("There is no quorum line.")
    return Policy(tuple(draft.logs), draft.witnesses, draft.groups, draft.quorum)


def write_unwitnessed(*logs: note.NoteKey) -> str:
    """Return the policy that believes these logs and asks for no witnesses."""
    return "".join(f"log {key}\n" for key in logs) + f"quorum {NONE}\n"
