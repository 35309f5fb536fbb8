from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey_pages import JOURNEYS, changed, example
from referral.play.loader import MAX_FILE, load, read_journey
from referral.play.refusal import JourneyRefused

if TYPE_CHECKING:
    from pathlib import Path

SENTENCE = "This is no journey that can be played; correct the place that is named and play it again."
EXPECT = "[step.expect.everyone]"
SEND = 'label = "request"'
OPEN = 'open = { by = "be-fp" }'
ZONE = 'zone = "Europe/Budapest"'
READERS = 'profile = { readers = ["hu-fp"] }'
NO_AGENCY = "This agency does not stand under `agencies`."
NO_KIND = "The procedure has no such kind."
NO_MESSAGE = "No step before this one sends a message of that label."
LATER = "Time goes forward only; it is later already."
PATTERN = "String should match"


def refusal_of(raw: bytes) -> str:
    """Return what is refused about a file, behind the sentence that all refusals of files share."""
    with pytest.raises(JourneyRefused) as refused:
        read_journey(raw)
    return str(refused.value).removeprefix(SENTENCE).strip()


def test_the_journey_of_the_page_is_read() -> None:
    journey = read_journey(example().encode())

    assert [step.choice for step in journey.step] == ["open", "consent", "send", "expect", "send"]
    assert journey.step[-1].refused == "not-in-table"


@pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: path.stem)
def test_every_shipped_journey_is_read(path: Path) -> None:
    assert load(path).step


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "`journey`: Field required."),
        (b"\xff", "It is not UTF-8."),
        (b"a = ", "It is not TOML (at end of document)."),
        (b"a = 1\na = 2", "It is not TOML (at end of document)."),
        (b"a = " + b"9" * 5000, "It is not TOML."),
        (b"a = " + b"[" * 30 + b"]" * 30, "It is nested deeper than 24 levels."),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "It is nested deeper than 24 levels."),
        (b" " * (MAX_FILE + 1), f"It has more than {MAX_FILE} bytes."),
        (b"a = inf", "`a`: It is no number."),
        (b"a = 12:00:00", "`a`: A time has a date, whole seconds and a zone (Z)."),
        (b"a = 2026-01-01T00:00:00", "`a`: A time has a date, whole seconds and a zone (Z)."),
        (b"a = 2026-01-01T00:00:00.5Z", "`a`: A time has a date, whole seconds and a zone (Z)."),
        (b'"\\u202e" = 2026-01-01T00:00:00', "`…`: A time has a date, whole seconds and a zone (Z)."),
    ],
)
def test_what_is_no_journey_is_refused(raw: bytes, said: str) -> None:
    assert refusal_of(raw) == said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "start = 2026-09-14T07:00:00Z",
            "start = 1999-01-01T00:00:00Z",
            "`journey.start`: Its year lies",
        ),
        ('title = "A request is', 'titel = "A request is', "`journey.title`: Field required."),
        ('source = "an example"', 'source = "an example"\nzzz = 1', "`journey.zzz`: Extra inputs are not permitted."),
        (
            "[agencies.hu-fp]",
            "[agencies.everyone]",
            "`agencies.everyone`: This word means all",
        ),
        ("[agencies.hu-fp]", "[agencies.Hu]", f"`agencies.Hu`: {PATTERN}"),
        (ZONE, 'zone = "../../etc/passwd"', "`agencies.hu-fp`: `zone`: The tz database has no such time zone."),
        (ZONE, ZONE + "\nweekend = [9]", "`agencies.hu-fp`: `body`:"),
        (ZONE, ZONE + '\nclock = "3d"', "`agencies.hu-fp.clock`: A clock is at most 48 h wrong."),
        (OPEN, "", "Step 1: It has exactly one of open, consent, withdraw, erase, send, wait, fault, read, expect."),
        (OPEN, 'open = { by = "xx" }', f"Step 1, `open.by`: {NO_AGENCY}"),
        (OPEN, 'wait = { for = "soon" }', f"Step 1, `wait.for`: {PATTERN}"),
        (OPEN, 'wait = { for = "401d" }', "Step 1, `wait.for`: A journey lasts at most 400 days."),
        (OPEN, "wait = { until = 2026-09-14T06:59:59Z }", f"Step 1, `wait.until`: {LATER}"),
        (OPEN, 'at = 2026-09-13T00:00:00Z\nopen = { by = "be-fp" }', f"Step 1, `at`: {LATER}"),
        (OPEN, 'wait = { for = "1h" }', "Step 2, `case`: No case is open yet; begin with a step `open`."),
        (
            'says = "She',
            'case = "other"\nsays = "She',
            "Step 2, `case`: No step before this one opens",
        ),
        ('agency = "hu-fp" }', 'agency = "hu-fp", label = "A" }', f"Step 2, `consent.label`: {PATTERN}"),
        ('agency = "hu-fp" }', 'agency = "hu-fp", classes = ["P9"] }', "Step 2, `consent.classes.0`: Input should be"),
        ('agency = "hu-fp" }', 'agency = "hu-fp", body = { language = "x" } }', "Step 2, `consent.body`: "),
        ('kind = "assistance-request-notification"', 'kind = "letter"', f"Step 3, `send.kind`: {NO_KIND}"),
        (SEND, SEND + '\nfunction = "king"', "Step 3, `send.function`: The procedure has no such function."),
        ('majority = "adult"', 'majority = "old"', "Step 3, `send.act`: Field majority"),
        ("interpreter = true", "interpreter = 1", "Step 3, `send.act`: Field interpreter"),
        (SEND, SEND + '\nin_reply_to = "@later"', f"Step 3, `send.in_reply_to`: {NO_MESSAGE}"),
        (SEND, SEND + '\nin_reply_to = "later"', f"Step 3, `send.in_reply_to`: {PATTERN}"),
        ("sections = { profile", "sections = { shoe", "Step 3, `send.sections`: The procedure has no such section."),
        (READERS, 'profile = { readers = ["xx"] }', f"Step 3, `send.sections.profile.readers`: {NO_AGENCY}"),
        (
            READERS,
            'profile = { body = "mine" }',
            "Step 3, `send.sections.profile.body`: There is no body",
        ),
        (READERS, "profile = { body = { shoe = 1 } }", "Step 3, `send.sections.profile.body`: "),
        (
            EXPECT,
            'refused = "hold"\n' + EXPECT,
            "Step 4, `refused`: Only a step that asks",
        ),
        (EXPECT, "[step.expect.xx]", f"Step 4, `expect.xx`: {NO_AGENCY}"),
        (
            EXPECT,
            EXPECT + '\nverdicts = { "@request" = "fine" }',
            "Step 4, `expect.everyone.verdicts`: A verdict",
        ),
        (EXPECT, EXPECT + '\nverdicts = { "@nothing" = "void" }', f"Step 4, `expect.everyone`: {NO_MESSAGE}"),
        (EXPECT, EXPECT + '\nmissing = ["@shoe.be-fp.1"]', f"Step 4, `expect.everyone`: {NO_KIND}"),
        (EXPECT, EXPECT + '\nmissing = ["@consent.xx.1"]', f"Step 4, `expect.everyone`: {NO_AGENCY}"),
        (
            'referral = "notified"',
            'shoe = "notified"',
            "Step 4, `expect.everyone.registers`: The procedure",
        ),
        (
            EXPECT,
            EXPECT + '\ndue = ["soon"]',
            "Step 4, `expect.everyone.due`: It is answer",
        ),
        (EXPECT, EXPECT + '\nmay = ["shoe"]', f"Step 4, `expect.everyone.may`: {NO_KIND}"),
        (EXPECT, EXPECT + '\nresponsible = "xx"', f"Step 4, `expect.everyone`: {NO_AGENCY}"),
        (
            'refused = "not-in-table"',
            'refused = "not-in-table"\nfault = { broker = "away" }',
            "Step 5: It has exactly one of",
        ),
    ],
)
def test_a_mistake_is_told_with_its_step_and_its_field(old: str, new: str, said: str) -> None:
    assert refusal_of(changed(old, new)).startswith(said)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ('kill = "xx"', f"Step 6, `fault.kill`: {NO_AGENCY}"),
        ('restart = "be-fp"', "Step 6, `fault.restart`: This node was not killed."),
        ('nodes = ["be-fp"], notary = "away"', "Step 6, `fault.nodes`: It is said of a broker that is away or back."),
        ('withhold = { from = ["xx"] }', f"Step 6, `fault.withhold.from`: {NO_AGENCY}"),
        ("withhold = { from = [] }", "Step 6, `fault.withhold.from`: Tuple should have at least 1 item"),
        (
            'withhold = { from = ["be-fp"], messages = ["@never"] }',
            "Step 6, `fault.withhold`: No step sends",
        ),
        ('duplicate = { from = "xx" }', f"Step 6, `fault.duplicate.from`: {NO_AGENCY}"),
        ('release = "nothing"', "Step 6, `fault.release"),
        ('broker = "slow"', "Step 6, `fault.broker`: Input should be 'away' or 'back'."),
        ('broker = "back"', "Step 6, `fault.broker`: It is away for none of these."),
        ('notary = "back"', "Step 6, `fault.notary`: The notary is not away."),
        ('release = "everything"', "Step 6, `fault.release`: Nothing was withheld."),
    ],
)
def test_a_fault_that_cannot_happen_is_refused(fault: str, said: str) -> None:
    raw = f"{example()}\n[[step]]\nfault = {{ {fault} }}\n".encode()

    assert refusal_of(raw).startswith(said)


def test_what_was_given_back_is_not_given_back_again() -> None:
    away = '[[step]]\nfault = { broker = "away", nodes = ["be-fp"] }\n'
    once = f'{example()}\n{away}[[step]]\nfault = {{ broker = "back" }}\n'
    twice = f'{once}\n[[step]]\nfault = {{ broker = "back", nodes = ["be-fp"] }}\n'

    assert len(read_journey(once.encode()).step) == 7
    assert refusal_of(twice.encode()) == "Step 8, `fault.broker`: It is away for none of these."


def test_what_is_only_known_now_is_not_asked_of_another_time() -> None:
    asked = "expect.be-fp = { known_at = 2026-09-14T08:00:00Z, cases = 1 }"

    assert refusal_of(f"{example()}\n[[step]]\n{asked}\n".encode()) == (
        "Step 6, `expect.be-fp.cases`: It is looked at as it is now: leave `known_at` out."
    )


def test_an_expectation_of_nobody_is_refused() -> None:
    assert refusal_of(f"{example()}\n[[step]]\nexpect = {{}}\n".encode()) == "Step 6, `expect`: It looks at no agency."


def test_nobody_asks_a_node_that_was_killed() -> None:
    down = f'{example()}\n[[step]]\nfault = {{ kill = "be-fp" }}\n[[step]]\nopen = {{ by = "be-fp" }}\ncase = "b"\n'

    assert refusal_of(down.encode()) == "Step 7, `open.by`: This node was killed; restart it first."


def test_a_label_names_one_message() -> None:
    twice = f'{example()}\n[[step]]\nconsent = {{ by = "be-fp", agency = "hu-fp", label = "request" }}\n'

    assert refusal_of(twice.encode()) == "Step 6, `consent.label`: A message has this label already."


def test_a_refused_message_cannot_be_named() -> None:
    named = changed('refused = "not-in-table"\n[step.send]', 'refused = "not-in-table"\n[step.send]\nlabel = "no"')

    assert refusal_of(named) == "Step 5, `send.label`: A step that is refused sends nothing that could be named."


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JourneyRefused, match="There is no such file"):
        load(tmp_path / "no.toml")


def test_a_refusal_repeats_nothing_of_the_file() -> None:
    name = "Mintaváry 2001-04-17"
    for old in ('"2_police_or_ngo"', '"be-fp" }', '"profile"', '"BE"', '"equal"', '"notified"'):
        if old in example():
            assert name not in refusal_of(changed(old, f'"{name}"' + (" }" if "}" in old else "")))


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_journey_or_refused(raw: bytes) -> None:
    with pytest.raises(JourneyRefused):
        read_journey(raw)


@settings(max_examples=300)
@given(st.data())
def test_a_file_with_any_change_is_a_journey_or_refused(data: st.DataObject) -> None:
    text = example()
    place = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 12))
    put = data.draw(st.text(max_size=12))
    said = "a journey"
    try:
        read_journey((text[:place] + put + text[place + length :]).encode("utf-8", "surrogatepass"))
    except JourneyRefused as refused:
        said = str(refused)

    assert re.fullmatch(r"[^\x00-\x1f\u202a-\u202e]+", said)
