"""Why a section may not travel: one refusal for each reason of the section table, named before any key is made.

Source: standing.md 4 and sections.icp.v1.toml. `code` is the rule's name; section and agency are named, nothing else.
"""

from __future__ import annotations

from typing import ClassVar

from contracts.refusal import Refusal


class DisclosureRefused(Refusal):
    """This section may not travel; nothing was sealed and no key was made."""

    code: ClassVar[str] = "disclosure"

    def __init__(self, section: str, agency: str = "", rule: str = "") -> None:
        """Say which section, to which agency (none: the whole section), and by which rule if it is not `code`."""
        super().__init__(f"Section {section}" + (f", reader {agency}." if agency else "."))
        self.section = section
        self.agency = agency
        self.rule = rule or self.code


class NotInTable(DisclosureRefused):
    """The section table has no line for this section in this kind: what is not in the table does not travel."""

    code = "not-in-table"


class ReaderNotAllowed(DisclosureRefused):
    """This agency's role may not read this section in this kind; name another reader."""

    code = "reader"


class ClassTooHigh(DisclosureRefused):
    """What is asked for weighs more than this section may carry; send it as its own section."""

    code = "class"


class ReaderNotAccepted(DisclosureRefused):
    """This reader has not accepted the case, and before that nothing above P1 reaches it; wait for its answer."""

    code = "accepted"


class ConsentDoesNotCover(DisclosureRefused):
    """No consent in force names this agency, this class and this purpose; record one first."""

    code = "consent"


class SpecialConsentMissing(DisclosureRefused):
    """This section needs a consent of its own besides; record that one first."""

    code = "special-consent"


class AsylumStandsBetween(DisclosureRefused):
    """This reader is a state body that may not be told now; choose another reader."""

    code = "no_asylum"


class LifeRiskIncomplete(DisclosureRefused):
    """A life at risk opens this section only on that basis, with two functions and a day on which it ends."""

    code = "life_risk"


class SectionRequired(DisclosureRefused):
    """The kind cannot be sent without this section, and it needs at least one reader."""

    code = "required"


class SectionOwed(DisclosureRefused):
    """This agency must be among the readers of this section; add it."""

    code = "owed"
