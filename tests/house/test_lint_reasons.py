"""A lint rule that is switched off says why, in the settings and in the code."""

from __future__ import annotations

import re

import pytest

from house.checkout import ROOT, committed, settings

pytestmark = pytest.mark.checkout

RULE_WITH_REASON = re.compile(r'^\s*"[A-Z]+[0-9]*",\s+# \w.{5,}$')
RULE = re.compile(r'^\s*"[A-Z]+[0-9]*",')
SWITCHED_OFF = re.compile(r"# (?:noqa|type: ignore|pragma|ruff:|mypy:)(?P<rest>.*)$", re.MULTILINE)
NAMED_WITH_REASON = re.compile(r"^(?:: [A-Z]+\d+(?:, ?[A-Z]+\d+)*|\[[\w, -]+\])\s+[#-] \w.{5,}")


def test_every_rule_of_ruff_is_on_and_each_that_is_off_has_its_reason() -> None:
    assert settings()["tool"]["ruff"]["lint"]["select"] == ["ALL"]
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    off = [line for line in lines if RULE.match(line) and not line.startswith('    "ALL"')]
    assert len(off) >= 10
    assert [line for line in off if not RULE_WITH_REASON.match(line)] == []


def test_every_rule_switched_off_in_the_code_is_named_and_has_its_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in committed()
        if path.suffix == ".py" and path.name != "test_lint_reasons.py"
        for match in SWITCHED_OFF.finditer(path.read_text(encoding="utf-8"))
        if not NAMED_WITH_REASON.match(match["rest"])
    ]
    assert bare == []


def test_types_are_checked_strictly() -> None:
    assert settings()["tool"]["mypy"]["strict"] is True
