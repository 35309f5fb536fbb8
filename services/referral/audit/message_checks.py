"""The checks of one message of a bundle: content, signature, sender, receipts, proof, sections; each answers in lines.

They go from the bytes outwards, and what rests on something that failed is not looked at: one fault, one line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from contracts import anchors, node_statement, receipts, tlog
from contracts.content import Content, content_id, read
from contracts.encoding import b64, instant_text, unb64
from contracts.refusal import FormatRefused
from contracts.signing import MESSAGE, NODE_STATEMENT, SignatureRefused, UnknownKey, Verdict, verify
from referral.audit import layout
from referral.audit.report import FAILS, HOLDS, MISSING, NOTE, Finding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from contracts.content import Section
    from contracts.receipts import Receipt
    from contracts.signing import SigningKey
    from referral.audit.ground import Ground
    from referral.audit.layout import Listed
    from referral.audit.report import Word

HOUR_AND_MORE: Final = timedelta(hours=2)  # until a statement is under a root that is proven


@dataclass(slots=True)
class MessageCheck:
    """Checks one message: `files` are those of its folder that are as listed, `faulted` those with a finding already.

    Afterwards `content` is what was signed (None where that did not hold), `stored` when each agency stored it by its
    R1, `logged` what the notary's proof says, `roots` what the proofs of its receipts' roots say, `shown` the sections
    that are here and hold, `gone` the commitments of those that were erased, `unrooted` the receipts and silences of
    which it is not here how they were logged, `young` those whose hour was not over when this was exported.
    """

    ground: Ground
    listed: Listed
    files: Mapping[str, bytes]
    faulted: frozenset[str]
    findings: list[Finding] = field(default_factory=list)
    content: Content | None = None
    stored: dict[str, datetime] = field(default_factory=dict)
    roots: list[tlog.Logged] = field(default_factory=list)
    unrooted: list[str] = field(default_factory=list)
    young: list[str] = field(default_factory=list)
    logged: tlog.Logged | None = None
    shown: list[Section] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Check everything about the message."""
        self._strangers()
        content = self._content()
        if content is None:
            return
        self.content = content
        if not self.ground.case.section:
            self._receipts(content)
            self._silences(content)
        self._proof(content)
        self._sections(content)
        self._guards(content)

    def _say(self, word: Word, check: str, sentence: str) -> None:
        self.findings.append(Finding(word, check, self.listed.label, sentence, self.listed.id))

    def _raw(self, name: str, check: str) -> bytes | None:
        """Return a file that a message must have; a missing one is said once."""
        raw = self.files.get(name)
        if raw is None and name not in self.faulted:
            self._say(FAILS, check, f"{name} is not here.")
        return raw

    def _strangers(self) -> None:
        known = {layout.CONTENT, layout.SIGNATURE, layout.PROOF, layout.SECTIONS}
        disclosed = bool(self.ground.case.section)
        for name in sorted(self.files.keys() - known):
            if disclosed or (layout.receipt_of(name) is None and layout.silence_of(name) is None):
                self._say(FAILS, "form", f"{name} is no part of a {'disclosure' if disclosed else 'bundle'}.")

    # -- content and signature ---------------------------------------------------------------------------------------

    def _content(self) -> Content | None:
        """Return the content if its id, signature and form hold, and what it says fits the bundle."""
        raw, signed = self._raw(layout.CONTENT, "content"), self._raw(layout.SIGNATURE, "signature")
        if raw is None or signed is None:
            return None
        if content_id(raw) != self.listed.id:
            self._say(FAILS, "content", "Its bytes are not those that its id names.")
            return None
        found = self._key(raw, signed)
        if found is None:
            return None
        skid, key = found
        try:
            content = read(raw, self.ground.procedure)
        except FormatRefused as refused:
            self._say(FAILS, "content", str(refused))
            return None
        if not self._fits(content, key) or not self._in_time(skid):
            return None
        self._say(HOLDS, "content", "Its bytes are those that its id names.")
        self._signed(content)
        return content

    def _key(self, raw: bytes, signed: bytes) -> tuple[str, SigningKey] | None:
        """Return the key under which the signature holds, and its statement."""
        root = self.ground.root
        try:
            given = layout.read_signature(signed)
            key = self.ground.directory.signing_key(given.skid)
            verify(key.key, MESSAGE, root.name, given.skid, raw, signature=given.signature)
        except UnknownKey:
            self._say(FAILS, "signature", "The directory does not know the key that is said to have signed it.")
        except SignatureRefused:
            self._say(FAILS, "signature", "The signature does not belong to these bytes.")
        except FormatRefused as refused:
            self._say(FAILS, "signature", f"{layout.SIGNATURE} is not of its form. {refused.detail}")
        else:
            return given.skid, key
        return None

    def _in_time(self, skid: str) -> bool:
        """Say whether the key could still sign: by the order of the log where it was revoked or suspended since."""
        if not self.ground.directory.doubts(skid):
            return True
        verdict = self.ground.directory.judge(skid, self._leaf())
        if verdict is Verdict.INVALID:
            self._say(FAILS, "signature", "Its key was suspended or revoked before the log had this message.")
        elif verdict is Verdict.UNDECIDED:
            sentence = "Its key was suspended or revoked; whether that came before this signature is undecided."
            self._say(MISSING, "signature", sentence)
        else:
            self._say(NOTE, "signature", "Its key was suspended or revoked at another time; the log had this before.")
        return verdict is not Verdict.INVALID

    def _leaf(self) -> int | None:
        """Return where the log holds the message, None where no proof shows it."""
        raw = self.files.get(layout.PROOF)
        try:
            entry = tlog.message_entry(unb64(self.listed.id, 32))
            return None if raw is None else tlog.verify_at(raw, entry, self.ground.policies.at).index
        except tlog.LogProofRefused:
            return None

    def _fits(self, content: Content, key: SigningKey) -> bool:
        """Hold what the content says against its key and the case."""
        case, listed = self.ground.case, self.listed
        wrong = {
            "It was signed by another agency than it names as its sender.": content.sender != key.agency,
            "It belongs to another network.": content.network != self.ground.root.name,
            "It belongs to another case.": content.case != case.case,
            f"{layout.CASE} lists it with another kind, sender or time.": (
                (content.kind, content.sender, content.sent_at) != (listed.kind, listed.sender, listed.sent_at)
            ),
        }
        for sentence, found in wrong.items():
            if found:
                self._say(FAILS, "content", sentence)
        return not any(wrong.values())

    def _signed(self, content: Content) -> None:
        title = self.ground.directory.agency(content.sender).title
        self._say(HOLDS, "signature", f"{content.sender} signed it: {title}, a member of the network.")
        if not content.known:
            self._say(
                NOTE, "content", "This version of the procedure cannot read it; it takes no part in the standing."
            )

    def _undecided(self, key: SigningKey, whose: str, check: str) -> None:
        """Say of a key that may not be relied on now that nobody can tell yet whether it might then (sealing.md 3)."""
        if not key.valid:
            sentence = f"{whose} was suspended or revoked; whether that came before this signature is undecided."
            self._say(MISSING, check, sentence)

    # -- receipts ----------------------------------------------------------------------------------------------------

    def _receipts(self, content: Content) -> None:
        """Check every receipt; those of one agency together may not contradict each other."""
        said: dict[str, list[Receipt]] = {}
        for name in sorted(self.files):
            found = layout.receipt_of(name)
            if found is None or name != layout.receipt_path(*found):
                continue
            receipt = self._receipt(content, *found)
            if receipt is not None:
                self._rooted(name, f"{found[0]}'s {found[1]}")
                said.setdefault(found[0], []).append(receipt)
        self._unpaired()
        for agency, words in sorted(said.items()):
            self._judge(agency, words)
        if content.sender == self.ground.case.agency:
            tried = {found[0] for found in map(layout.receipt_of, {*self.files, *self.faulted}) if found is not None}
            for one in content.audience:
                if one.agency not in tried:
                    self._say(MISSING, "receipt", f"There is none of {one.agency}.")

    def _unpaired(self) -> None:
        """A signature without its statement proves nothing, and neither does a root."""
        for name in sorted(self.files):
            receipt, silence = layout.receipt_of(name), layout.silence_of(name)
            if receipt is not None:
                self._check_paired(name, layout.receipt_path(*receipt), "receipt")
            elif silence is not None:
                self._check_paired(name, layout.silence_path(*silence), "silence")

    def _check_paired(self, name: str, statement: str, check: str) -> None:
        if statement not in self.files and statement not in self.faulted:
            self._say(FAILS, check, f"{name} belongs to a statement that is not here.")

    def _receipt(self, content: Content, agency: str, stage: str) -> Receipt | None:
        """Return a receipt whose signature holds and that is about this message."""
        statement = self._stated(layout.receipt_path(agency, stage), "receipt", agency, f"{agency}'s {stage}")
        return None if statement is None else self._about(content, statement, agency, stage)

    def _stated(self, name: str, check: str, agency: str, whose: str) -> node_statement.NodeStatement | None:
        """Return a node statement whose signature holds and is that of an agency."""
        raw, signed = self.files[name], self._raw(layout.signature_path(name), check)
        if signed is None:
            return None
        try:
            given = layout.read_signature(signed)
            key = self.ground.directory.signing_key(given.skid)
            verify(key.key, NODE_STATEMENT, self.ground.root.name, given.skid, raw, signature=given.signature)
            statement = node_statement.read(raw)
        except (UnknownKey, SignatureRefused):
            self._say(FAILS, check, f"The signature of {whose} does not hold.")
            return None
        except FormatRefused as refused:
            self._say(FAILS, check, f"{whose} is not of its form. {refused.detail}")
            return None
        if (statement.sender, statement.network) != (key.agency, self.ground.root.name) or key.agency != agency:
            self._say(FAILS, check, f"{whose} was signed by another agency or for another network.")
            return None
        self._undecided(key, f"The key of {whose}", check)
        return statement

    def _about(
        self, content: Content, statement: node_statement.NodeStatement, agency: str, stage: str
    ) -> Receipt | None:
        """Return what the statement says of this message, if it does and if it was said to its sender."""
        body = statement.body
        if statement.recipient != content.sender or agency == content.sender:
            self._say(FAILS, "receipt", f"{agency}'s {stage} was not given to the sender of this message.")
            return None
        if isinstance(body, receipts.Receipts) and body.stage == stage:
            for receipt in body.each():
                if receipt.id == content.id:
                    return receipt
        self._say(FAILS, "receipt", f"{agency}'s {stage} does not speak of this message.")
        return None

    def _judge(self, agency: str, words: list[Receipt]) -> None:
        account = receipts.judge(words)
        if account.contradictory:
            self._say(FAILS, "receipt", f"{agency} says that it refused what it had stored.")
            return
        for receipt in sorted(words, key=lambda receipt: receipt.at):
            what = {receipts.STORED: "stored", receipts.OPENED: "opened"}.get(receipt.stage, "did not take")
            why = f" ({receipt.reason})" if receipt.reason else ""
            self._say(HOLDS, "receipt", f"{agency} {what} it at {instant_text(receipt.at)}{why}.")
        if account.stored_at is not None:
            self.stored[agency] = account.stored_at
        if account.late:
            self._say(NOTE, "receipt", f"{agency} refused or lost it first and stored it later.")

    # -- silence -----------------------------------------------------------------------------------------------------

    def _silences(self, content: Content) -> None:
        """Check what was stated of agencies that did not decide in time."""
        for name in sorted(self.files):
            found = layout.silence_of(name)
            if found is None or name != layout.silence_path(*found):
                continue
            agency, silent = found
            whose = f"{agency}'s statement of {silent}'s silence"
            statement = self._stated(name, "silence", agency, whose)
            if statement is None or not self._of_silence(content, statement, silent, whose):
                continue
            self._rooted(name, whose)

    def _of_silence(self, content: Content, statement: node_statement.NodeStatement, silent: str, whose: str) -> bool:
        """Say whether the sender of this message says it, to one whom the message asked, of this message."""
        body = statement.body
        asked = {one.agency for one in content.audience}
        if statement.sender != content.sender or statement.recipient != silent or silent not in asked:
            self._say(FAILS, "silence", f"{whose} is not between the sender of this message and one it asked.")
            return False
        if not isinstance(body, node_statement.Silence) or (body.case, body.content) != (content.case, content.id):
            self._say(FAILS, "silence", f"{whose} does not speak of this message.")
            return False
        if content.respond_by is not None and body.respond_by != content.respond_by:
            self._say(FAILS, "silence", f"{whose} names another time than this message.")
            return False
        until, warned = instant_text(body.respond_by), instant_text(body.warned_at)
        self._say(
            HOLDS, "silence", f"No decision of {silent} by {until}, warned at {warned}: {content.sender} says so."
        )
        return True

    def _rooted(self, name: str, whose: str) -> None:
        """Lead a signed statement to the root of its hour, and that to the log; what is not here is missing."""
        way, proof = self.files.get(layout.logged_path(name)), self.files.get(layout.logged_proof_path(name))
        if way is None or proof is None:
            young = node_statement.read(self.files[name]).sent_at > self.ground.case.exported_at - HOUR_AND_MORE
            (self.young if young else self.unrooted).append(whose)
            return
        try:
            found = layout.read_logged(way)
            leaf = tlog.leaf_hash(unb64(node_statement.statement_id(self.files[name]), 32))
            tlog.verify_inclusion(leaf, found.index, found.size, found.hashes, found.root)
            logged = tlog.verify_at(proof, anchors.receipts_entry(found.root), self.ground.policies.at)
        except FormatRefused as refused:
            self._say(FAILS, "receipt log", f"{layout.logged_path(name)} is not of its form. {refused.detail}")
        except tlog.TreeProofRefused:
            self._say(FAILS, "receipt log", f"{whose} does not lead to the root of its hour.")
        except tlog.LogProofRefused as refused:
            self._say(FAILS, "receipt log", str(refused))
        else:
            self._in_our_log(logged, whose)

    def _in_our_log(self, logged: tlog.Logged, whose: str) -> None:
        if logged.origin != self.ground.root.log.origin:
            self._say(FAILS, "receipt log", f"{whose} is in another log than that of the root file.")
            return
        self.roots.append(logged)
        sentence = f"{whose} is {logged.word} with the receipts of that hour: entry {logged.index} of {logged.size}."
        self._say(HOLDS, "receipt log", sentence)

    # -- proof -------------------------------------------------------------------------------------------------------

    def _proof(self, content: Content) -> None:
        raw = self.files.get(layout.PROOF)
        if raw is None:
            if layout.PROOF not in self.faulted:
                self._say(MISSING, "log", "It is unlogged: there is no proof of the notary.")
            return
        try:
            logged = tlog.verify_at(raw, tlog.message_entry(unb64(content.id, 32)), self.ground.policies.at)
        except tlog.LogProofRefused as refused:
            self._say(FAILS, "log", str(refused))
            return
        if logged.origin != self.ground.root.log.origin:
            self._say(FAILS, "log", "It is in another log than that of the root file.")
            return
        self.logged = logged
        if self.ground.policies.at(logged.size).asks_for_witnesses and not logged.witnessed:
            few = (
                f"It is logged: entry {logged.index} of {logged.size}; too few witnesses that the policy names saw it."
            )
            self._say(MISSING, "log", few)
            return
        self._say(HOLDS, "log", f"It is {logged.word}: entry {logged.index} of {logged.size}.")

    # -- rules -------------------------------------------------------------------------------------------------------

    def _guards(self, content: Content) -> None:
        """Name every rule that the sender passed by on somebody's word: its local overrides."""
        for guard in content.guards:
            if guard["result"] == "overridden":
                who = f"{content.function} and {guard['second']}"
                self._say(NOTE, "override", f"Rule {guard['rule']} was overridden by {who}: {guard['reason']}.")
            elif guard["result"] == "attested":
                why = f": {guard['reason']}" if "reason" in guard else ""
                sentence = f"{guard['function']} stood for rule {guard['rule']} on {guard['date']}{why}."
                self._say(NOTE, "override", sentence)

    # -- sections ----------------------------------------------------------------------------------------------------

    def _sections(self, content: Content) -> None:
        disclosed = self.ground.case.section
        raw = self._raw(layout.SECTIONS, "section") if disclosed else self.files.get(layout.SECTIONS)
        if raw is None:
            return
        try:
            found = layout.read_sections(raw)
        except FormatRefused as refused:
            self._say(FAILS, "section", f"{layout.SECTIONS} is not of its form. {refused.detail}")
            return
        if disclosed and ([one.section.name for one in found.sections], found.erased) != ([disclosed], ()):
            self._say(FAILS, "section", f"It holds something else than the section {disclosed}.")
        me = self.ground.case.agency
        for one in found.sections:
            section = one.section
            if not b64(section.commitment) == one.commitment in content.sections:
                self._say(FAILS, "section", f"{section.name} is not what was committed to when this was signed.")
            elif me not in {content.sender, *section.readers}:
                self._say(FAILS, "section", f"{section.name} is not for the agency that exported it.")
            else:
                self.shown.append(section)
                self._say(HOLDS, "section", f"{section.name}, for {', '.join(section.readers)}, is as it was signed.")
        for gone in found.erased:
            self._erased(content, gone)

    def _erased(self, content: Content, gone: layout.ErasedSection) -> None:
        if gone.commitment not in content.sections:
            self._say(FAILS, "section", f"An erased section ({gone.commitment}) was never part of this message.")
            return
        self.gone.append(gone.commitment)
        why = f" on {gone.ground}" if gone.ground else ""
        when = f" at {instant_text(gone.at)}" if gone.at is not None else ""
        self._say(
            NOTE, "section", f"[erased, commitment {gone.commitment}]{why}{when}; everything else still verifies."
        )
