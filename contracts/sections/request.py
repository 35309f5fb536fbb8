"""Sections of steps 1 and 2: the minimal profile, what can be offered, and what is asked and answered."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.sections.fields import MANY, SOME, Day, FreeText, Language, Line, Place, QuestionId, SectionName
from contracts.sections.model import Part, SectionModel
from contracts.vocabulary import (
    P1,
    P3,
    P4,
    Accompanied,
    AgeBand,
    CapacitySuits,
    CommunicationAid,
    Gender,
)


class Profile(SectionModel):
    """What step 1 says of the person: codes only, so that identity cannot be expressed (M2)."""

    NAME: ClassVar[str] = "profile"

    age_band: Annotated[AgeBand, P1]
    gender: Annotated[Literal[Gender.FEMININE, Gender.MASCULINE, Gender.NON_SPECIFIED_UNKNOWN], P1]
    interpreter_language: Annotated[Language | None, P1] = None
    communication_aid: Annotated[CommunicationAid | None, P1] = None
    accompanied: Annotated[Accompanied, P1]


class Question(Part):
    """One question: which section it asks for, and why it is needed."""

    question_id: Annotated[QuestionId, P1]
    section: Annotated[SectionName, P1]
    why_needed: Annotated[FreeText, P1]


class Questions(SectionModel):
    """What the receiving side needs to know before it can decide (domain.md 1.6, X-02)."""

    NAME: ClassVar[str] = "questions"

    questions: Annotated[tuple[Question, ...], SOME, P1]


class AnswerLine(Part):
    """One answer; it weighs as much as the section it answers for."""

    question_id: Annotated[QuestionId, P1]
    section: Annotated[SectionName, P1]
    answer: Annotated[FreeText, P3]


class Answer(SectionModel):
    """The answers to the questions of one message: what one message asked, one reply answers."""

    NAME: ClassVar[str] = "answer"

    answers: Annotated[tuple[AnswerLine, ...], SOME, P3]


class Capacity(SectionModel):
    """What the receiving side can offer, in words and codes (domain.md 1.5, step 2)."""

    NAME: ClassVar[str] = "capacity"

    shelter_bed: Annotated[bool, P1]
    from_: Annotated[Day | None, Field(alias="from"), P1] = None
    suits: Annotated[tuple[CapacitySuits, ...], MANY, P1] = ()
    conditions: Annotated[FreeText | None, P1] = None
    role_contact: Annotated[Line, P1]


class ReceptionPoints(SectionModel):
    """Places where a qualified meeter can work: UN-LOCODE or IATA codes."""

    NAME: ClassVar[str] = "reception_points"

    reception_points: Annotated[tuple[Place, ...], SOME, P4]


class Note(SectionModel):
    """One free text for the members, read for leaks before it is sealed (M3)."""

    NAME: ClassVar[str] = "note"

    note: Annotated[FreeText, P1]
