"""What the node refuses, as classes whose docstring is the sentence a person reads; none of them knows HTTP.

`code` is stable: it names the page of the docs, the problem type of the API and the refusal that a journey expects.
"""

from __future__ import annotations

from contracts.refusal import Refusal


class ReferralRefusal(Refusal):
    """The node refused this; nothing was stored or sent."""

    code = "refused"


class CaseUnknown(ReferralRefusal):
    """This node holds no such case; list the cases with `referral case list`."""

    code = "case-unknown"


class MessageUnknown(ReferralRefusal):
    """This case holds no such message; look at its timeline."""

    code = "message-unknown"


class KindUnknown(ReferralRefusal):
    """The procedure knows no such kind; the reference lists them all."""

    code = "kind-unknown"


class NotNow(ReferralRefusal):
    """The standing of the case does not allow this message now; the case page says what is legal next."""

    code = "not-now"

    def __init__(self, detail: str = "", *, rule: str = "") -> None:
        """Name the `rule` of the procedure table that the message breaks."""
        super().__init__(detail or (f"Rule {rule}." if rule else ""))
        self.rule = rule


class NotMember(ReferralRefusal):
    """This agency has no seat in the case from which it could send this."""

    code = "not-member"


class ReaderMissing(ReferralRefusal):
    """This section is owed to nobody by itself; name the agencies that may read it."""

    code = "reader-missing"


class RuleBroken(ReferralRefusal):
    """A rule forbids this message as it is."""

    code = "rule-broken"

    def __init__(self, rule: str, sentence: str = "") -> None:
        """Name the `rule` of domain.md 3.1 and say its sentence."""
        super().__init__(f"{rule}: {sentence}")
        self.rule = rule


class LogNotFresh(RuleBroken):
    """No checkpoint of the last 24 hours was seen here; wait for the notary, or let two functions give the reason."""

    code = "log-not-fresh"


class ReasonMissing(ReferralRefusal):
    """A rule warns; send again with a coded reason for it (and a second function where the rule asks for two)."""

    code = "reason-missing"

    def __init__(self, rule: str, sentence: str = "") -> None:
        """Name the `rule` of domain.md 3.1 and say its sentence."""
        super().__init__(f"{rule}: {sentence}")
        self.rule = rule


class AlarmUnknown(ReferralRefusal):
    """No such alarm stands here; list those that do with `referral alarm list`."""

    code = "alarm-unknown"


class AlarmEndsByItself(ReferralRefusal):
    """This alarm ends with its cause, and nobody's word ends it before; see to the cause."""

    code = "alarm-ends-by-itself"


class TooLarge(ReferralRefusal):
    """The message does not fit into one envelope of 256 KiB; shorten its texts, attachments come later."""

    code = "too-large"


class CaseClosedToReading(ReferralRefusal):
    """This section is shut: consent is withdrawn or does not reach it, or the danger that opened it has ended."""

    code = "closed"


class ConsentUnknown(ReferralRefusal):
    """This node holds no consent towards that agency in this case; there is nothing to withdraw."""

    code = "consent-unknown"


class SectionErasedRefusal(ReferralRefusal):
    """This section was erased; its commitment stays in the history."""

    code = "erased"


class NotReader(ReferralRefusal):
    """This agency is no reader of that section."""

    code = "not-reader"


class CommandConflict(ReferralRefusal):
    """This idempotency key was used for another request; draw a new key."""

    code = "idempotency-conflict"


class RecipientUnknown(ReferralRefusal):
    """The directory knows no such agency, or it has no valid keys."""

    code = "recipient-unknown"


class TrainingRefused(ReferralRefusal):
    """This belongs to another network than this node."""

    code = "wrong-network"


class SettingsRefused(ReferralRefusal):
    """The node cannot start with these settings."""

    code = "settings"


class DiskRefused(ReferralRefusal):
    """A file or a folder cannot be read or written; look at room and errors on the disk, and at who may write there."""

    code = "disk"
