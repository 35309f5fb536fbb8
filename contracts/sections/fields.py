"""The kinds of field that sections are made of: text, names, days, local times, money, telephones, places, codes.

Text is NFC, at most 4,000 characters, without control characters (standing.md 1). `FreeText` is what a person writes in
sentences and the leak check reads (M3); `Line` is a name, a role or an address.
"""

import re
import unicodedata
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from contracts.encoding import AGENCY, MAX_AGENCY
from contracts.encoding import day as parse_day
from contracts.refusal import FormatRefused
from contracts.vocabulary import COUNTRIES

MAX_TEXT: Final = 4_000
MAX_ROWS: Final = 64
STATELESS: Final = "stateless"
OURS: Final = "landfall"  # the type of an error whose message is our own sentence

E164: Final = re.compile(r"\+?[1-9][0-9]{1,14}")  # HTCDS gives this pattern
_PLACE = r"^(?:[A-Z]{2}[A-Z2-9]{3}|[A-Z]{3})$"
_LOCAL = re.compile(r"(?:19|20|21)\d{2}-\d{2}-\d{2}T\d{2}:\d{2}")


class FreeTextMark:
    """Marks the fields that the leak check reads."""


FREE_TEXT: Final = FreeTextMark()


def _written(text: str) -> str:
    """Return `text` if it is in NFC and holds no control character and no half of a surrogate pair."""
    if any(unicodedata.category(mark) in ("Cc", "Cs") for mark in text):
        raise PydanticCustomError(OURS, "no control characters, line breaks among them")
    if not unicodedata.is_normalized("NFC", text):
        raise PydanticCustomError(OURS, "text is in Unicode NFC")
    return text


def _day(value: object) -> date:
    try:
        return parse_day(value)
    except FormatRefused:
        raise PydanticCustomError(OURS, "a date is written YYYY-MM-DD") from None


def _local(value: str) -> str:
    if not _LOCAL.fullmatch(value):
        raise PydanticCustomError(OURS, "a local time is written YYYY-MM-DDTHH:MM")
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError(OURS, "there is no such local time") from None
    return value


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """The IANA names with an area, and UTC: names like `localtime` mean something else on each machine."""
    return frozenset(zone for zone in available_timezones() if "/" in zone or zone == "UTC")


def _zone(value: str) -> str:
    if value not in _zones():
        raise PydanticCustomError(OURS, "a zone is an IANA name like Europe/Budapest")
    return value


def _country(value: str) -> str:
    if value not in COUNTRIES:
        raise PydanticCustomError(OURS, "a country is one of the codes of ISO 3166-1 alpha-2, or XK")
    return value


def _citizenship(value: str) -> str:
    return value if value == STATELESS else _country(value)


def _agency(value: str) -> str:
    if len(value) > MAX_AGENCY or not AGENCY.fullmatch(value):
        raise PydanticCustomError(OURS, "an agency is named by lower-case words joined by hyphens")
    return value


def _true(value: bool) -> bool:
    if not value:
        raise PydanticCustomError(OURS, "a channel that is not known to be safe is not usable (M7): leave it out")
    return value


_Bounded = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
Line = Annotated[_Bounded, AfterValidator(_written)]
FreeText = Annotated[_Bounded, AfterValidator(_written), FREE_TEXT]
Day = Annotated[date, BeforeValidator(_day)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]  # ISO 639-2
Country = Annotated[str, AfterValidator(_country), WithJsonSchema({"type": "string", "enum": sorted(COUNTRIES)})]
Citizenship = Annotated[
    str, AfterValidator(_citizenship), WithJsonSchema({"type": "string", "enum": [*sorted(COUNTRIES), STATELESS]})
]
Agency = Annotated[
    str,
    AfterValidator(_agency),
    WithJsonSchema({"type": "string", "pattern": f"^{AGENCY.pattern}$", "maxLength": MAX_AGENCY}),
]
Phone = Annotated[str, StringConstraints(pattern=rf"^{E164.pattern}$")]
Place = Annotated[str, StringConstraints(pattern=_PLACE)]  # UN-LOCODE or IATA
SectionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]
QuestionId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
FormHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]  # SHA-256 of the signed form
RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]{1,2}$")]
HandlingCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{4}$")]  # IATA, such as WCHR
Amount = Annotated[str, StringConstraints(pattern=r"^(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,4})?$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]  # ISO 4217
Safe = Annotated[bool, AfterValidator(_true), WithJsonSchema({"type": "boolean", "const": True})]
MANY: Final = Field(max_length=MAX_ROWS)
SOME: Final = Field(min_length=1, max_length=MAX_ROWS)


class Value(BaseModel):
    """A few fields that are one value; the field that holds it says its class."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


class LocalTime(Value):
    """A time as it stands on a ticket: the local clock and its IANA zone."""

    local: Annotated[str, AfterValidator(_local), WithJsonSchema({"type": "string", "pattern": f"^{_LOCAL.pattern}$"})]
    zone: Annotated[str, AfterValidator(_zone)]

    def at(self) -> datetime:
        """Return the instant in UTC; of a local time that comes twice, the earlier one, so that no alarm is late."""
        return datetime.fromisoformat(self.local).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def clock(self) -> datetime:
        """Return the local time itself, aware of its zone."""
        return datetime.fromisoformat(self.local).replace(tzinfo=ZoneInfo(self.zone))


class Money(Value):
    """An amount as a decimal string, with its ISO 4217 currency."""

    amount: Amount
    currency: Currency
