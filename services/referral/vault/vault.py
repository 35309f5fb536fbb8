"""Data keys and private keys of one node: nothing else touches key bytes, and what is erased here is erased.

Two files in a folder of mode 0700: `vault.sqlite` (keyring.py) and `epochs.sqlite` (epochs.py). The vault commits
before the event store on every write: a crash between the two leaves a key without an event, never an event without
its key. What is erased stands in a register outside both (register.py).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from contracts.encoding import b64, blake, instant, instant_text, unb64
from contracts.signing import public_signing, sign_bytes
from referral.vault import rest
from referral.vault.epochs import EpochKeys
from referral.vault.errors import CaseErased, KeyUnknown, SealRefused, SectionErased
from referral.vault.keyring import Key, Keyring
from referral.vault.register import EraseRegister, Gone, beside

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from referral.vault.unlock import Unlock

T = TypeVar("T")

IDENTITY: Final = "identity"
SIGNING: Final = "signing"
CASE: Final = "case"
SECTION: Final = "section"
NODE: Final = "node"
ORPHAN_AGE: Final = timedelta(days=7)

# What a key kind's erasure is called; the other kinds are never erased, they are replaced.
_ERASED: Final = MappingProxyType({CASE: CaseErased, SECTION: SectionErased})


class Vault:
    """The keys of one node, unlocked. Any thread may call any method."""

    def __init__(self, keyring: Keyring, epochs: EpochKeys, now: Callable[[], datetime]) -> None:
        """Use `Vault.create` or `Vault.unlock`."""
        self._keyring = keyring
        self._epochs = epochs
        self._now = now

    @classmethod
    def create(cls, folder: Path, unlock: Unlock, now: Callable[[], datetime], register: Path | None = None) -> Self:
        """Make the vault in `folder`; `VaultExists` if there is one. `now` gives aware UTC times.

        What is erased is written down in `register`, beside the node's folder if it is not given.
        """
        keyring = Keyring.make(folder, unlock, now, _register(folder, register))
        return cls(keyring, EpochKeys(folder, keyring, make=True), now)

    @classmethod
    def unlock(cls, folder: Path, unlock: Unlock, now: Callable[[], datetime], register: Path | None = None) -> Self:
        """Open the vault in `folder`; `VaultMissing`, `VaultExposed`, `VaultLocked` or `EraseRegisterDamaged`.

        What `register` names is destroyed first, whatever the file in `folder` still holds.
        """
        keyring = Keyring.open(folder, unlock, now, _register(folder, register))
        try:
            return cls(keyring, EpochKeys(folder, keyring, make=False), now)
        except BaseException:
            keyring.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close both files and forget the keys."""
        self._epochs.close()
        self._keyring.close()

    # Identity and signing keys.

    def new_identity(self) -> bytes:
        """Make an identity key and return its public half (32 bytes); the newest one signs from now on."""
        return self._new_seed(IDENTITY)

    def new_signing_key(self) -> bytes:
        """Make a signing key and return its public half (32 bytes)."""
        return self._new_seed(SIGNING)

    def identity(self) -> bytes | None:
        """Return the public half of the newest identity key, None where it is kept elsewhere."""
        identities = self._keyring.names(IDENTITY)
        return unb64(identities[-1][0]) if identities else None

    def signing_keys(self) -> list[bytes]:
        """Return the public halves of the signing keys, oldest first."""
        return [unb64(name) for name, _key_id, _made in self._keyring.names(SIGNING)]

    def destroy_signing_key(self, public: bytes) -> None:
        """Destroy a signing key that another one has replaced: what it signed stays signed."""
        self._keyring.destroy(SIGNING, (b64(public),))

    def sign_identity(self, message: bytes) -> bytes:
        """Return the newest identity key's 64-byte Ed25519 signature over `message`, which begins with its label."""
        identities = self._keyring.names(IDENTITY)
        if not identities:
            raise KeyUnknown("The vault has no identity key.")
        return self._with_seed(IDENTITY, identities[-1][0], lambda seed: sign_bytes(seed, message))

    def sign(self, public: bytes, message: bytes) -> bytes:
        """Return the 64-byte signature of a signing key over `message` (`contracts.signing.signed_bytes`)."""
        return self.with_seed(public, lambda seed: sign_bytes(seed, message))

    def with_seed(self, public: bytes, use: Callable[[bytes], T]) -> T:
        """Return what `use` makes of a signing key's seed: for contracts' functions that take one and keep none."""
        return self._with_seed(SIGNING, b64(public), use)

    def _new_seed(self, kind: str) -> bytes:
        seed = rest.new_key()
        public = public_signing(seed)
        with self._keyring.writing() as cursor:
            self._keyring.keep(cursor, kind, b64(public), seed)
        return public

    def _with_seed(self, kind: str, name: str, use: Callable[[bytes], T]) -> T:
        with self._keyring.reading():
            key = self._keyring.find(kind, name)
        if key is None:
            raise KeyUnknown
        return use(key.secret)

    # Epoch keys.

    def new_epoch_keys(self, days: Sequence[date]) -> list[tuple[date, bytes, bytes]]:
        """Return (day, kid, public) for each of `days`; a day keeps the key it has. Publish after this returned."""
        return self._epochs.make(days)

    def epoch_private(self, kid: bytes) -> bytes | None:
        """Return the private half that an envelope names by its 8-byte kid, or None."""
        return self._epochs.private(kid)

    def epoch_day(self, kid: bytes) -> date | None:
        """Return the day of the key that an envelope names by its 8-byte kid, or None."""
        return self._epochs.day_of(kid)

    def epoch_days(self) -> list[date]:
        """Return the days that have a key, oldest first."""
        return self._epochs.days()

    def destroy_epoch_keys(self, before: date) -> int:
        """Destroy the keys of all days before `before` (`contracts.retention.first_day_kept`); return how many."""
        return self._epochs.destroy(before)

    # Events: one key for each case.

    def open_case(self, case: str) -> None:
        """Make the key of a case unless it has one; `CaseErased` if it had one."""
        self.open_cases((case,))

    def open_cases(self, cases: Collection[str]) -> None:
        """The same for several cases, in one transaction."""
        with self._keyring.reading():
            missing = [case for case in dict.fromkeys(cases) if self._keyring.find(CASE, case) is None]
            if not missing:
                return
            with self._keyring.writing() as cursor:
                for case in missing:
                    if self._keyring.is_erased(CASE, case):
                        raise CaseErased
                    self._keyring.keep(cursor, CASE, case, rest.new_key())

    def seal(self, case: str, aad: bytes, plain: bytes) -> bytes:
        """Return `plain` sealed under a key derived from the case key for this use; it opens with the same `aad`."""
        return self.seal_each(((case, aad, plain),))[0]

    def open(self, case: str, aad: bytes, sealed: bytes) -> bytes:
        """Return what `seal` was given; `SealRefused`, `CaseErased`, or `KeyUnknown`."""
        with self._keyring.reading():
            key = self._need(CASE, case)
        return rest.open_sealed(key.secret, aad, sealed)

    def seal_each(self, items: Sequence[tuple[str, bytes, bytes]]) -> list[bytes]:
        """Seal many (case, aad, plain) at one look into the vault."""
        with self._keyring.reading():
            keys = {case: self._need(CASE, case) for case in {item[0] for item in items}}
        sealings = {case: rest.Sealing(key.secret) for case, key in keys.items()}
        return [sealings[case].seal(keys[case].key_id, aad, plain) for case, aad, plain in items]

    def open_each(self, items: Sequence[tuple[str, bytes, bytes]]) -> list[bytes | SealRefused | CaseErased]:
        """Open many (case, aad, sealed) at one look into the vault; what does not open is an error in its place."""
        with self._keyring.reading():
            keys = {case: self._case_key(case) for case in {item[0] for item in items}}
        return [_opened(keys[case], aad, sealed) for case, aad, sealed in items]

    def _case_key(self, case: str) -> rest.Sealing | SealRefused | CaseErased:
        try:
            return rest.Sealing(self._need(CASE, case).secret)
        except CaseErased as erased:
            return erased
        except KeyUnknown:
            return SealRefused("Its key is not in the vault.")

    def missing_keys(self, named: Iterable[tuple[str, bytes]]) -> list[str]:
        """Return the cases of (case, key id) whose key is neither there under that id nor recorded as erased."""
        erased = self._keyring.erased_names(CASE)
        held = {name: key_id for name, key_id, _made in self._keyring.names(CASE)}
        return [case for case, key_id in named if case not in erased and held.get(case) != key_id]

    def has_cases(self) -> bool:
        """Say whether there is or was a key of any case."""
        return bool(self._keyring.names(CASE) or self._keyring.erased_names(CASE))

    def is_case_erased(self, case: str) -> bool:
        """Say whether the key of this case was destroyed by an erasure."""
        with self._keyring.reading():
            return self._keyring.is_erased(CASE, case)

    def erased_cases(self) -> set[str]:
        """Return the names of every case key that was destroyed by an erasure."""
        return self._keyring.erased_names(CASE)

    def erase_case(self, case: str, decided: str = "") -> None:
        """Destroy the key of a whole case, and record it. Its sections have keys of their own: erase those too.

        `decided` goes into the register with it: JSON that says who decided, without anything personal.
        """
        self._keyring.erase([self._gone(CASE, case, decided)])

    def decided_erasures(self) -> list[tuple[str, str, datetime]]:
        """Return (case, what `erase_case` was told, when) of every case whose erasure was decided here."""
        return [(one.name, one.decided, instant(one.at)) for one in self._keyring.erased() if one.decided]

    def _gone(self, kind: str, name: str, decided: str = "") -> Gone:
        return Gone(kind, name, instant_text(self._now()), decided)

    # Sections: one key for each section of each message.

    def keep_sections(self, items: Sequence[tuple[str, str]]) -> None:
        """Make a key for each (content id, commitment), in one transaction; call it before the event is stored."""
        names = [_section(item) for item in dict.fromkeys(items)]
        with self._keyring.writing() as cursor:
            for name in names:
                if self._keyring.is_erased(SECTION, name):
                    raise SectionErased
                if self._keyring.find(SECTION, name) is None:
                    self._keyring.keep(cursor, SECTION, name, rest.new_key())
        # The keys are on the disk. If we stop here they are orphans, which `collect_orphans` destroys after 7 days.

    def seal_section(self, content_id: str, commitment: str, body: bytes) -> bytes:
        """Return a section's body sealed under its own key, bound to its message and commitment."""
        name = _section((content_id, commitment))
        with self._keyring.reading():
            key = self._need(SECTION, name)
        return rest.seal(key.secret, key.key_id, name.encode(), body)

    def open_section(self, content_id: str, commitment: str, sealed: bytes) -> bytes:
        """Return the body of a section; `SectionErased`, `KeyUnknown` or `SealRefused`."""
        name = _section((content_id, commitment))
        with self._keyring.reading():
            key = self._need(SECTION, name)
        return rest.open_sealed(key.secret, name.encode(), sealed)

    def has_section(self, content_id: str, commitment: str) -> bool:
        """Say whether the vault holds the key of this section."""
        with self._keyring.reading():
            return self._keyring.find(SECTION, _section((content_id, commitment))) is not None

    def is_section_erased(self, content_id: str, commitment: str) -> bool:
        """Say whether the key of this section was destroyed by an erasure."""
        with self._keyring.reading():
            return self._keyring.is_erased(SECTION, _section((content_id, commitment)))

    def missing_sections(self, named: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return those of (content id, commitment) whose key is neither there nor recorded as erased."""
        known = self._keyring.erased_names(SECTION) | {name for name, _id, _made in self._keyring.names(SECTION)}
        return [item for item in named if _section(item) not in known]

    def lacks_section(self, content_id: str, commitment: str) -> bool:
        """Say whether the key of this section is neither there nor recorded as erased: it was lost."""
        name = _section((content_id, commitment))
        with self._keyring.reading():
            return self._keyring.find(SECTION, name) is None and not self._keyring.is_erased(SECTION, name)

    def erase_sections(self, items: Collection[tuple[str, str]]) -> int:
        """Destroy and record the keys of (content id, commitment), in one transaction; return how many were there."""
        return self._keyring.erase([self._gone(SECTION, _section(item)) for item in items])

    def collect_orphans(self, known: Collection[str]) -> int:
        """Destroy section keys older than 7 days whose content id no event names (`known` holds all that do)."""
        before = self._now() - ORPHAN_AGE
        orphans = [
            name
            for name, _id, made_at in self._keyring.names(SECTION)
            if made_at < before and name.partition("/")[0] not in known
        ]
        return self._keyring.destroy(SECTION, orphans) if orphans else 0

    # The node itself.

    def seal_own(self, aad: bytes, plain: bytes) -> bytes:
        """Return `plain` sealed under the node's own key, made at first use: for what belongs to no case."""
        key = self._own()
        return rest.seal(key.secret, key.key_id, aad, plain)

    def open_own(self, aad: bytes, sealed: bytes) -> bytes:
        """Return what `seal_own` was given."""
        with self._keyring.reading():
            key = self._need(NODE, NODE)
        return rest.open_sealed(key.secret, aad, sealed)

    def name_own(self, label: bytes, what: bytes) -> bytes:
        """Return the 16 bytes under which this node keeps something of its own about `what`.

        A label of `contracts.labels` says for what. Nobody else can tell them, and they stay the same.
        """
        return blake(label, what, size=16, key=self._own().secret)

    def _own(self) -> Key:
        with self._keyring.reading():
            key = self._keyring.find(NODE, NODE)
            if key is None:
                with self._keyring.writing() as cursor:
                    key = self._keyring.keep(cursor, NODE, NODE, rest.new_key())
        return key

    def rewrap(self) -> bool:
        """Re-make the vault key if it is 30 days old and wrap every live key anew; say whether it was due."""
        if not self._keyring.rewrap_due():
            return False
        # A crash after any of the three steps leaves two generations of the vault key, both of which unwrap; the next
        # call goes on from there.
        self._keyring.begin_rewrap()
        self._epochs.rewrap()
        self._keyring.end_rewrap()
        return True

    def _need(self, kind: str, name: str) -> Key:
        key = self._keyring.find(kind, name)
        if key is None:
            if kind in _ERASED and self._keyring.is_erased(kind, name):
                raise _ERASED[kind]
            raise KeyUnknown
        return key


def _opened(
    key: rest.Sealing | SealRefused | CaseErased, aad: bytes, sealed: bytes
) -> bytes | SealRefused | CaseErased:
    if not isinstance(key, rest.Sealing):
        return key
    try:
        return key.open(aad, sealed)
    except SealRefused as refusal:
        return refusal


def _register(folder: Path, given: Path | None) -> EraseRegister:
    return EraseRegister(given if given is not None else beside(folder.parent))


def _section(item: tuple[str, str]) -> str:
    return f"{item[0]}/{item[1]}"
