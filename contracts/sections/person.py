"""Sections about the person: who she is, how to reach her safely, her family, what was done to her, what she wishes."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from contracts.sections.fields import (
    E164,
    MANY,
    OURS,
    SOME,
    Agency,
    Citizenship,
    Country,
    Day,
    FreeText,
    Line,
    Safe,
)
from contracts.sections.model import Part, SectionModel
from contracts.vocabulary import (
    P2,
    P3,
    P4,
    BirthdatePrecision,
    ContactChannel,
    DocumentHolder,
    DocumentType,
    EducationLevel,
    FamilyMayBeTold,
    Gender,
    LabourIndustry,
    LastContactWithExploiter,
    MaritalStatus,
    MethodOfControl,
    RecruiterRelation,
    RecruitmentMethod,
    Relation,
    RelationshipToTrafficker,
    StatusDecidedBy,
    TraffickingEventType,
    TraffickingStatus,
    TypeOfExploitation,
    TypeOfSexExploitation,
    YesNoUnknown,
)

# The trans values are P3 and go only where `trafficking_profile` goes (sections.icp.v1.toml, identity).
IdentityGender = Literal[Gender.FEMININE, Gender.MASCULINE, Gender.NON_CONFORMING, Gender.NON_SPECIFIED_UNKNOWN]
_BY_TELEPHONE = (ContactChannel.PHONE, ContactChannel.SMS, ContactChannel.MESSENGER)


class TravelDocument(Part):
    """A paper to travel on, and who has it: documents are withheld (domain.md 1.3 A)."""

    type: Annotated[DocumentType, P2]
    no: Annotated[Line | None, P2] = None
    issuer: Annotated[Country | None, P2] = None
    expiry: Annotated[Day | None, P2] = None
    held_by: Annotated[DocumentHolder, P2]


class Identity(SectionModel):
    """Block A (domain.md 1.3): names in the original script, with a Latin transliteration beside them."""

    NAME: ClassVar[str] = "identity"

    given_name: Annotated[Line, P2]
    middle_name: Annotated[Line | None, P2] = None
    family_name: Annotated[Line, P2]
    given_name_latin: Annotated[Line | None, P2] = None
    family_name_latin: Annotated[Line | None, P2] = None
    preferred_name: Annotated[Line | None, P2] = None
    pronoun: Annotated[Line | None, P2] = None
    birthdate: Annotated[Day, P2]
    birthdate_precision: Annotated[BirthdatePrecision, P2]
    gender: Annotated[IdentityGender, P2]
    citizenship: Annotated[tuple[Citizenship, ...], SOME, P2]
    identity_number: Annotated[Line | None, P2] = None
    travel_document: Annotated[TravelDocument | None, P2] = None
    marital_status: Annotated[MaritalStatus | None, P2] = None


class Contact(Part):
    """One channel on which the person may be reached; one that is not known to be safe is refused (M7)."""

    channel: Annotated[ContactChannel, P4]
    value: Annotated[Line, P4]
    safe_to_contact: Annotated[Safe, P4]
    safe_hours: Annotated[Line | None, P4] = None
    code_word: Annotated[Line | None, P4] = None
    voicemail_ok: Annotated[bool | None, P4] = None
    who_else_can_see: Annotated[FreeText | None, P4] = None
    relation: Annotated[Line | None, P4] = None

    @model_validator(mode="after")
    def _telephones_have_numbers(self) -> "Contact":
        if self.channel in _BY_TELEPHONE and not E164.fullmatch(self.value):
            raise PydanticCustomError(OURS, "a telephone number is written in E.164, like +36201234567")
        return self


class SafeContact(SectionModel):
    """Block B (domain.md 1.3): each channel ticked as safe by the person herself."""

    NAME: ClassVar[str] = "safe_contact"

    contacts: Annotated[tuple[Contact, ...], SOME, P4]


class Relative(Part):
    """One member of the family, without a name."""

    relation: Annotated[Relation, P3]
    age: Annotated[int | None, Field(ge=0, le=120), P3] = None
    place: Annotated[Line | None, P3] = None
    aware: Annotated[YesNoUnknown, P3]
    safe: Annotated[YesNoUnknown, P3]


class Family(SectionModel):
    """Whom of the family one may tell, and who there is (domain.md 1.5, step 3); it may be empty."""

    NAME: ClassVar[str] = "family"

    may_family_be_told: Annotated[FamilyMayBeTold, P2]
    family: Annotated[tuple[Relative, ...], MANY, P3] = ()


class Dependant(Part):
    """One person who travels along; her place in the list is her number in consents (1, 2, …)."""

    given_name: Annotated[Line, P2]
    family_name: Annotated[Line, P2]
    birthdate: Annotated[Day, P2]
    birthdate_precision: Annotated[BirthdatePrecision, P2]
    gender: Annotated[IdentityGender, P2]
    relation: Annotated[Relation, P2]
    citizenship: Annotated[tuple[Citizenship, ...], MANY, P2] = ()
    travel_document: Annotated[TravelDocument | None, P2] = None


class Dependants(SectionModel):
    """Who travels with the person (domain.md 1.5, step 3)."""

    NAME: ClassVar[str] = "dependants"

    dependants_travelling: Annotated[tuple[Dependant, ...], SOME, P2]


class TraffickingEvent(Part):
    """One stretch of what happened: where and when (HTCDS)."""

    type: Annotated[TraffickingEventType, P3]
    country: Annotated[Country, P3]
    from_: Annotated[Day | None, Field(alias="from"), P3] = None
    to: Annotated[Day | None, P3] = None


class TraffickingProfile(SectionModel):
    """Block D (domain.md 1.3) as codes, with what `identity` may not say: names used then, and any gender."""

    NAME: ClassVar[str] = "trafficking_profile"

    trafficking_status: Annotated[TraffickingStatus, P3]
    status_decided_by: Annotated[StatusDecidedBy | None, P3] = None
    status_date: Annotated[Day | None, P3] = None
    status_scheme: Annotated[Line | None, P3] = None
    status_reference: Annotated[Line | None, P3] = None
    type_of_exploitation: Annotated[tuple[TypeOfExploitation, ...], MANY, P3] = ()
    type_of_sex_exploitation: Annotated[tuple[TypeOfSexExploitation, ...], MANY, P3] = ()
    labour_industry: Annotated[LabourIndustry | None, P3] = None
    methods_of_control: Annotated[tuple[MethodOfControl, ...], MANY, P3] = ()
    recruitment_methods: Annotated[tuple[RecruitmentMethod, ...], MANY, P3] = ()
    relationship_to_trafficker: Annotated[RelationshipToTrafficker | None, P3] = None
    recruiter_relation: Annotated[RecruiterRelation | None, P3] = None
    age_when_trafficked: Annotated[int | None, Field(ge=0, le=120), P3] = None
    events: Annotated[tuple[TraffickingEvent, ...], MANY, P3] = ()
    last_contact_with_exploiter: Annotated[LastContactWithExploiter | None, P3] = None
    names_used: Annotated[tuple[Line, ...], MANY, P3] = ()
    gender: Annotated[Gender | None, P3] = None


class Narrative(SectionModel):
    """What happened, without the name of the person or of other victims (domain.md 1.3 D)."""

    NAME: ClassVar[str] = "narrative"

    narrative: Annotated[FreeText, P3]


class Background(SectionModel):
    """Schooling, skills and work (domain.md 1.5, step 3)."""

    NAME: ClassVar[str] = "background"

    education: Annotated[EducationLevel | None, P2] = None
    skills: Annotated[FreeText | None, P2] = None
    work: Annotated[FreeText | None, P2] = None


class Wishes(SectionModel):
    """What the person wishes, in her own words."""

    NAME: ClassVar[str] = "wishes"

    person_wishes: Annotated[FreeText, P3]


class DestinationPlace(SectionModel):
    """Where the person goes to live.

    `family_address` says whether her family lives at that address (K5); `shelter_of` names the agency whose shelter it
    is, which is then the only one that may read it (M6).
    """

    NAME: ClassVar[str] = "destination_place"

    address: Annotated[Line, P4]
    place: Annotated[Line | None, P4] = None
    country: Annotated[Country | None, P4] = None
    family_address: Annotated[YesNoUnknown, P4] = YesNoUnknown.UNKNOWN
    shelter_of: Annotated[Agency | None, P4] = None
