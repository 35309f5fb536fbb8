"""Section bodies in and out: one door for composing, which forbids, and one for reading, which keeps what is newer.

Composing writes a body from what a person or a program handed over: an unknown field is refused, text is put into NFC.
Reading takes the bytes another agency sealed: unknown fields are kept (standing.md 1), everything else is as strict.
Both raise `SectionRefused`, which names the section and the path of a field and never a value.
"""

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

from pydantic import ValidationError

from contracts.encoding import compact, parse
from contracts.refusal import FormatRefused, Refusal
from contracts.sections import care, follow_up, journey, person, plan, request, risk
from contracts.sections.fields import OURS
from contracts.sections.model import SectionModel, model_class
from contracts.vocabulary import DataClass

MAX_BODY: Final = 131_072

_MODELS: Final[tuple[type[SectionModel], ...]] = (
    request.Profile,
    request.Questions,
    request.Answer,
    request.Capacity,
    request.ReceptionPoints,
    person.Identity,
    person.SafeContact,
    person.Family,
    person.Dependants,
    person.TraffickingProfile,
    person.Narrative,
    care.TravelHealth,
    care.ContinuingCare,
    care.Documents,
    person.Background,
    person.Wishes,
    plan.Plan,
    plan.Costs,
    plan.Declaration,
    person.DestinationPlace,
    care.Child,
    plan.Services,
    plan.Reception,
    care.CareArrangement,
    risk.RiskFactors,
    risk.PersonView,
    risk.Measures,
    risk.HoldGround,
    journey.Itinerary,
    journey.ArrivalTime,
    journey.Meeting,
    journey.Departure,
    journey.ConditionReport,
    journey.Cash,
    journey.Arrival,
    journey.Discrepancies,
    journey.Feedback,
    journey.Alert,
    journey.Found,
    follow_up.Monitoring,
    request.Note,
    follow_up.ConsentTaken,
    risk.LifeRisk,
)
SECTIONS: Final[Mapping[str, type[SectionModel]]] = MappingProxyType({model.NAME: model for model in _MODELS})

_NO_PICTURES = "photos and other attachments do not travel yet: describe what is needed, or leave it out"
_NO_HEALTH_FIELD = "there is no field for it in any message (domain.md 1.3 F)"
_NO_FIELD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "photo": _NO_PICTURES,
        "photos": _NO_PICTURES,
        "photo_for_meeting": _NO_PICTURES,
        "image": _NO_PICTURES,
        "attachment": _NO_PICTURES,
        "attachments": _NO_PICTURES,
        "shelter_address": "the address of a shelter never travels (M6)",
        "diagnosis": _NO_HEALTH_FIELD,
        "hiv_status": _NO_HEALTH_FIELD,
        "credibility_score": "no account is scored: memory lapses are not lies (M9)",
        "asylum_claim": "asylum is said in the section hold_ground and nowhere else (standing.md 3)",
    }
)
# The rules of domain.md 3.1 that a model holds by having no place for what they forbid.
_RULES: Final[Mapping[str, str]] = MappingProxyType(
    {"safe_to_contact": "M7", "shelter_address": "M6", "credibility_score": "M9"}
)
_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "is missing",
        "enum": "is not one of its codes",
        "literal_error": "is not one of its codes",
        "string_too_long": "is longer than 4,000 characters",
        "string_too_short": "is empty; leave it out instead",
        "string_pattern_mismatch": "is not written in its form",
        "too_long": "has too many entries",
        "too_short": "has too few entries",
        "greater_than_equal": "is out of its range",
        "less_than_equal": "is out of its range",
    }
)


class SectionRefused(Refusal):
    """This section cannot be composed or read as it stands."""

    code: ClassVar[str] = "section"

    def __init__(self, section: str, path: str, reason: str, rule: str = "") -> None:
        """Say which section and which field (a path, or nothing for the whole body), what to do, and by which rule."""
        super().__init__(": ".join(part for part in (section, path, reason) if part) + ".")
        self.section = section
        self.path = path
        self.reason = reason
        self.rule = rule


def compose_section(name: str, body: Mapping[str, Any]) -> bytes:
    """Return the compact JSON of a section's `body`, checked and in NFC; raise `SectionRefused`."""
    model = _model(name)
    try:
        raw = compact(_in_nfc(body))
    except (TypeError, ValueError, RecursionError):
        raise SectionRefused(
            name, "", "it cannot be written as JSON of texts, whole numbers, lists and objects"
        ) from None
    written = _validated(name, model, raw, "forbid")
    return compact(written.model_dump(mode="json", by_alias=True, exclude_none=True))


def read_section(name: str, body: bytes) -> SectionModel:
    """Return the section that `body` holds, unknown fields kept; raise `SectionRefused`."""
    return _validated(name, _model(name), body, "allow")


def section_class(name: str) -> DataClass:
    """Return the highest class of any field of a section; raise `SectionRefused` for a name that is none."""
    return model_class(_model(name))


def _model(name: str) -> type[SectionModel]:
    if name not in SECTIONS:
        raise SectionRefused("", "", "there is no section of this name; the names stand in the section table")
    return SECTIONS[name]


def _in_nfc(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Mapping):
        return {key: _in_nfc(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_in_nfc(inner) for inner in value]
    return value


def _validated(name: str, model: type[SectionModel], raw: bytes, extra: Literal["forbid", "allow"]) -> SectionModel:
    try:
        parse(raw, MAX_BODY)  # refuses what the model's own parser would let pass: duplicate keys, floats, depth
        return model.model_validate_json(raw, extra=extra)
    except FormatRefused as refused:
        raise SectionRefused(name, "", refused.detail.rstrip(".")) from None
    except ValidationError as found:
        raise _refusal(name, found) from None


def _refusal(name: str, found: ValidationError) -> SectionRefused:
    """Name one error, a field that we refuse by name first; another unknown field's key is input and stays unnamed."""
    errors = found.errors(include_url=False, include_context=False, include_input=False)
    error = next((error for error in errors if error["loc"] and error["loc"][-1] in _NO_FIELD), errors[0])
    where, kind = [str(step) for step in error["loc"]], error["type"]
    rule = _RULES.get(where[-1], "") if where else ""
    if kind != "extra_forbidden":
        reason = error["msg"] if kind == OURS else _REASONS.get(kind, "does not have the form it needs")
        return SectionRefused(name, ".".join(where), reason, rule)
    *parent, unknown = where
    if unknown in _NO_FIELD:
        return SectionRefused(name, ".".join(where), _NO_FIELD[unknown], rule)
    return SectionRefused(name, ".".join(parent), "holds a field that this section does not have; take it out")
