"""The sections of messages: one frozen model for each name in the section table, each field with its class P0 to P4."""

from contracts.sections.body import (
    MAX_BODY,
    SECTIONS,
    SectionRefused,
    compose_section,
    read_section,
    section_class,
)
from contracts.sections.fields import LocalTime, Money
from contracts.sections.model import Part, SectionModel, field_classes, free_texts, model_class

__all__ = [
    "MAX_BODY",
    "SECTIONS",
    "LocalTime",
    "Money",
    "Part",
    "SectionModel",
    "SectionRefused",
    "compose_section",
    "field_classes",
    "free_texts",
    "model_class",
    "read_section",
    "section_class",
]
