"""Small journeys on one stage of real nodes: each test opens cases of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from journey_pages import example
from referral.play.director import Director
from referral.play.loader import read_journey
from referral.play.stage import BrokerChoice, build

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from referral.play.outcome import Failure, Outcome
    from referral.play.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    made = await build(read_journey(long_enough().encode()), tmp_path_factory.mktemp("stage"), BrokerChoice())
    await made.open()
    yield made
    await made.close()


def long_enough(*steps: str) -> str:
    """Return the journey of the page with more steps, on a network that lasts for a hundred days."""
    return "\n".join([example(), *(f"[[step]]\n{step}" for step in steps or ('wait = { for = "100d" }',))])


async def played(stage: Stage, *steps: str, text: str = "") -> Outcome:
    return await Director(read_journey((text or long_enough(*steps)).encode()), stage).play()


async def failed(stage: Stage, *steps: str, text: str = "") -> Failure:
    failure = (await played(stage, *steps, text=text)).failure
    assert failure is not None
    return failure


async def test_the_journey_of_the_page_goes_as_it_says(stage: Stage) -> None:
    outcome = await played(stage, text=example())

    assert outcome.failure is None
    assert [done.line for done in outcome.steps] == [
        "be-fp opens a case",
        "be-fp records a consent (given) that names hu-fp",
        "be-fp sends assistance-request-notification (@request)",
        "looked at everyone",
        "be-fp sends assistance-request-notification, which is refused: not-in-table",
    ]
    (case,) = outcome.cases
    digests = {account.digest for account in case.accounts.values()}
    assert (sorted(case.accounts), len(digests)) == (["be-fp", "hu-fp"], 1)


async def test_the_first_thing_that_differs_is_named_with_both_sides(stage: Stage) -> None:
    wrong = example().replace('referral = "notified"', 'referral = "accepted"')
    failure = await failed(stage, text=wrong)

    assert (failure.step, failure.what, failure.agency) == (4, "registers", "be-fp")
    assert failure.expected == {"case": "open", "referral": "accepted"}
    assert failure.actual == {"case": "open", "referral": "notified"}


async def test_a_step_that_must_be_refused_and_is_not_fails(stage: Stage) -> None:
    wrong = example().replace('says = "She agrees', 'refused = "hold"\nsays = "She agrees')
    failure = await failed(stage, text=wrong)

    assert (failure.step, failure.what, failure.expected, failure.actual) == (2, "refused", "hold", "accepted")
    assert failure.says == "She agrees that Hungary may be told."


async def test_a_refusal_by_another_rule_fails(stage: Stage) -> None:
    failure = await failed(stage, text=example().replace('refused = "not-in-table"', 'refused = "M3"'))

    assert (failure.step, failure.expected) == (5, "M3")
    assert failure.actual.startswith("not-in-table / M2 / ")


async def test_a_refusal_that_nobody_expects_fails(stage: Stage) -> None:
    failure = await failed(stage, text=example().replace('refused = "not-in-table"\n', ""))

    assert (failure.step, failure.what, failure.expected) == (5, "refused", "accepted")


def read(message: str, section: str, holds: str = "{}") -> str:
    return f'read = {{ by = "hu-fp", message = "{message}", section = "{section}", holds = {holds} }}'


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ("[step.expect.hu-fp]\nproven = true\nreplays = true\nverifies = true", ""),
        (read("@request", "profile", '{ age_band = "24-26" }'), ""),
        (read("@request", "profile", "{ wrong = 1 }"), "read.holds.wrong"),
        ('refused = "not-reader"\n' + read("@request", "identity"), ""),
        ('[step.expect.hu-fp]\nstored = { "@request" = ["be-fp"] }', "stored"),
        ('[step.expect.everyone]\ndigests = "unequal"', "digests"),
        ('[step.expect.everyone]\nmissing = ["@request"]', "missing"),
        ("[step.expect.hu-fp]\nknown_at = 2026-09-14T06:00:00Z\nevery_register = {}", ""),
        ("[step.expect.hu-fp]\ncases = 0", "cases"),
    ],
)  # fmt: skip
async def test_what_is_looked_at_is_held_or_named(stage: Stage, step: str, what: str) -> None:
    failure = (await played(stage, step)).failure

    assert ("" if failure is None else failure.what) == what


async def test_a_case_that_nobody_holds_is_named(stage: Stage) -> None:
    alone = example().split("[[step]]")
    opened = "[[step]]".join([*alone[:2], '\n[step.expect.hu-fp]\nregisters = { case = "none" }\n'])
    failure = await failed(stage, text=opened)

    assert (failure.what, failure.expected, failure.actual) == ("case", "held", "not held")


async def test_warnings_that_are_not_as_said_are_named(stage: Stage) -> None:
    failure = await failed(stage, text=example().replace('label = "request"', 'label = "request"\nwarned = ["T1"]'))

    assert (failure.step, failure.what, failure.expected, failure.actual) == (3, "send.warned", ["T1"], [])


async def test_every_clock_rings_at_its_time_while_time_goes_by(stage: Stage) -> None:
    accepted = (
        '[step.send]\nfrom = "hu-fp"\nkind = "assistance-request-confirmation"\nin_reply_to = "@request"\n'
        'act = { decision = "accept", collegiate = false, offer_expires = 2026-09-20 }\n'
        'sections = { capacity = { readers = ["be-fp"] } }'
    )
    outcome = await played(
        stage,
        accepted,
        'at = 2026-09-21T11:59:59Z\n[step.expect.everyone]\nalarms = []\nexpiring = ["limit:offer"]',
        'at = 2026-09-21T12:00:01Z\n[step.expect.be-fp]\noverdue = ["limit:limit:offer"]\nalarms = ["limit-ended"]',
    )

    assert outcome.failure is None


async def test_a_node_that_was_killed_goes_on_where_it_was(stage: Stage) -> None:
    outcome = await played(
        stage,
        'fault = { kill = "hu-fp" }',
        'consent = { by = "be-fp", agency = "hu-fp", state = "narrowed", label = "narrower" }',
        '[step.expect.be-fp]\nstored = { "@narrower" = [] }',
        'fault = { restart = "hu-fp" }',
        "[step.expect.hu-fp]\nmessages = { consent = 2 }\nreplays = true",
        '[step.expect.be-fp]\nstored = { "@narrower" = ["hu-fp"] }',
    )

    assert outcome.failure is None


async def test_the_notary_away_delays_proofs_and_nothing_else(stage: Stage) -> None:
    outcome = await played(
        stage,
        'fault = { notary = "away" }',
        'consent = { by = "be-fp", agency = "hu-fp", label = "again" }',
        '[step.expect.be-fp]\nstored = { "@again" = ["hu-fp"] }',
        'fault = { notary = "back" }',
        "[step.expect.everyone]\nproven = true",
    )

    assert outcome.failure is None


async def test_what_is_withheld_is_missing_until_it_is_released(stage: Stage) -> None:
    def settled(label: str, day: str) -> str:
        return (
            f'[step.send]\nfrom = "be-fp"\nkind = "risk-assessment"\nlabel = "{label}"\n'
            f'act = {{ level = "high", immediacy = "ordinary", recommendation = "yes", valid_until = {day} }}'
        )

    outcome = await played(
        stage,
        'fault = { withhold = { from = ["hu-fp"], messages = ["@first"] } }',
        settled("first", "2026-12-01"),
        settled("second", "2026-12-02"),
        '[step.expect.hu-fp]\nmissing = ["@first"]\nverdicts = { "@second" = "pending" }',
        '[step.expect.everyone]\ndigests = "unequal"',
        'fault = { release = { from = ["hu-fp"], messages = ["@first"] } }',
        '[step.expect.everyone]\nmissing = []\nverdicts = {}\ndigests = "equal"',
    )

    assert outcome.failure is None
