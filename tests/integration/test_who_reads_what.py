"""Every kind with every section that it may carry, sent to every role: what each agency can read is what was chosen.

Played once with all readers that the table lets, once with as few as it lets; seen through the API, the command line,
the exported bundle, the logs, and the bytes of every file. Every text in every section is a canary.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from canaries import CANARIES, Hit, scan, scan_folder, scan_texts
from integration.fresh import KeepingBroker
from integration.script import NOTE, ROLES, SECTION_NAMES, TABLE, Script, Written
from integration.stories import STORIES, adult_returns
from nodes import FIVE, START, town
from referral.audit import command
from referral.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nodes import Town

pytestmark = pytest.mark.slow
EVERYBODY: Final = "everybody that may"
FEWEST: Final = "as few as may"
Reading = dict[tuple[str, str, str], dict[str, Any]]  # agency, message, section -> body


@dataclass
class Played:
    """What was sent, and what was seen of it from each side."""

    folder: Path
    written: list[Written]
    timelines: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    through_api: Reading = field(default_factory=dict)
    in_bundles: Reading = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    refusals: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    logs: str = ""
    envelopes: int = 0
    hits: dict[str, set[Hit]] = field(default_factory=dict)

    def expected(self) -> Reading:
        """Return what each agency may read: what it sent itself, and what it was chosen for."""
        return {
            (agency, one.message, name): body
            for one in self.written
            for name, (readers, body) in one.sections.items()
            for agency in {one.sender, *readers}
        }


PLAYS: Final = [pytest.param(one, marks=pytest.mark.xdist_group(f"readers: {one}")) for one in (EVERYBODY, FEWEST)]


@pytest.fixture(scope="module", params=PLAYS)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("readers")
    stories = STORIES if request.param == EVERYBODY else (adult_returns,)
    with logs_kept() as logs:
        found = asyncio.run(play(folder, fewest=request.param == FEWEST, stories=stories))
        found.logs = logs.getvalue()
    found.hits |= {f"closed/{name}": hits for name, hits in scan_folder(folder / "town").items()}
    return found


@contextlib.contextmanager
def logs_kept() -> Iterator[io.StringIO]:
    """Keep whatever is printed or logged, by structlog and by any library, at every level."""
    kept = io.StringIO()
    handler, root = logging.StreamHandler(kept), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with contextlib.redirect_stdout(kept), contextlib.redirect_stderr(kept):
        yield kept
    root.setLevel(level)
    root.removeHandler(handler)


async def play(folder: Path, *, fewest: bool, stories: Sequence[Any]) -> Played:
    """Send everything, then look from every side."""
    brokers: list[KeepingBroker] = []

    def keeping(_name: str) -> KeepingBroker:
        brokers.append(KeepingBroker(folder / "town" / "broker.sqlite", lambda: START))
        return brokers[-1]

    async with town(folder / "town", FIVE, broker=keeping) as it:
        script = Script.of(it, fewest=fewest)
        for story in stories:
            await story(script)
            await script.arrives()
            assert len(it.digests(script.case)) == 1
        assert fewest or set(script.bodies.used) == set(CANARIES)
        found = Played(folder, script.written)
        await look(script, found)
        export(it, found)
        found.envelopes = sum(len(one.kept) for one in brokers)
        found.hits = {f"open/{name}": hits for name, hits in scan_folder(folder / "town").items()}
        found.hits |= (
            {"wire": hits} if (hits := scan(b"".join(record for one in brokers for record in one.kept))) else {}
        )
        for face in script.faces.values():
            found.refusals += face.refusals
            await face.close()
    return found


async def look(script: Script, found: Played) -> None:
    """Read every section of every message at every agency through the API; what it has not is refused."""
    cases = {one.case for one in script.written}
    for agency, face in script.faces.items():
        for case in sorted(cases):
            timeline = (await face.get(f"/v1/cases/{case}/timeline")).json()
            for item in timeline["messages"]:
                found.timelines[agency, item["message"]] = item["sections"]
            found.lists += [json.dumps(timeline), (await face.get(f"/v1/cases/{case}/standing")).text]
        for path in ("/v1/cases", "/v1/register", "/v1/alarms", "/v1/state", "/version"):
            found.lists.append((await face.get(path)).text)
        for one in script.written:
            for name in one.sections:
                answer = await face.read(one.case, one.message, name)
                if answer.status_code == 200:
                    found.through_api[agency, one.message, name] = answer.json()["body"]
                else:
                    found.codes[answer.json()["code"]] += 1


def export(it: Town, found: Played) -> None:
    """Write the bundle of every case at every agency, with sections and without."""
    for agency, wired in it.nodes.items():
        for number, case in enumerate(sorted({one.case for one in found.written})):
            out = found.folder / f"{agency}-{number}"
            command.export(wired.node, wired.folder, case, out, sections=True, principal="auditor")
            command.export(wired.node, wired.folder, case, out.with_name(f"{out.name}-bare"))
            for file in sorted(out.glob("data/messages/*/sections.json")):
                for one in json.loads(file.read_text(encoding="utf-8"))["sections"]:
                    key = (agency, file.parent.name, one["name"])
                    found.in_bundles[key] = json.loads(one["body"])


@pytest.mark.parametrize("played", PLAYS[:1], indirect=True)
def test_every_pair_of_kind_and_section_went_to_every_role_that_the_table_names(played: Played) -> None:
    seen = {
        (one.kind, name, ROLES[reader])
        for one in played.written
        for name, (readers, _) in one.sections.items()
        for reader in readers
    }
    wanted = {
        (kind, name, role)
        for kind, lines in TABLE.items()
        for name, line in lines.items()
        for role in line.readers & set(ROLES.values())
    }
    left = wanted - seen
    assert {name for _, name, _ in left} == {NOTE}, "a role that a kind has only as its sender gets no note"
    noted = {one.kind for one in played.written if NOTE in one.sections}
    assert noted == TABLE.keys() - {"assistance-request-notification"}, "M2 keeps free text out of step 1"
    assert {name for _, name, _ in seen} == SECTION_NAMES


def test_what_each_agency_reads_is_what_the_sender_chose_field_for_field(played: Played) -> None:
    expected = played.expected()

    assert played.through_api.keys() == expected.keys()
    assert played.through_api == expected
    assert set(played.codes) == {"not-reader", "message-unknown"}, "consents are known to those they go to alone"


def test_the_timeline_names_the_sections_that_can_be_read_and_no_other(played: Played) -> None:
    expected: dict[tuple[str, str], dict[str, str]] = {key: {} for key in played.timelines}
    for agency, message, name in played.expected():
        expected[agency, message][name] = "readable"

    assert played.timelines == expected


def test_an_exported_bundle_holds_the_sections_that_its_agency_reads(played: Played) -> None:
    assert played.in_bundles == played.expected()
    for bundle in sorted(played.folder.glob("*-bare")):
        assert scan_folder(bundle) == {}
    found = {
        hit.canary for bundle in played.folder.glob("be-fp-?") for hits in scan_folder(bundle).values() for hit in hits
    }
    assert found, "with sections the bundle does hold them: the scan sees what is there"


def test_nothing_readable_stands_in_any_file_or_envelope(played: Played) -> None:
    assert played.envelopes > len(played.written)
    assert played.hits == {}


def test_nothing_readable_stands_in_logs_errors_and_lists(played: Played) -> None:
    assert played.refusals
    assert scan_texts(played.refusals) == set()
    assert scan_texts(played.lists) == set()
    assert scan_texts([played.logs]) == set()


def test_the_command_line_shows_the_same(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    expected, message = played.expected(), last_request(played)
    for agency in FIVE:
        home = ["--node", str(played.folder / "town" / agency), "--json"]
        assert main([*home, "case", "timeline", "--", message.case]) == 0
        items = {one["message"]: one["sections"] for one in json.loads(capsys.readouterr().out)["messages"]}
        assert items == {key: found for (who, key), found in played.timelines.items() if who == agency and key in items}
        for name in message.sections:
            options = [f"--case={message.case}", f"--message={message.message}"]
            reason = ["--function", "case-manager", "--purpose", "arrival"]
            code = main([*home, "section", "read", name, *options, *reason])
            out, err = capsys.readouterr()
            body = expected.get((agency, message.message, name))
            assert (code, json.loads(out).get("body")) == (0 if body is not None else 1, body)
            assert scan_texts([err]) == set()


def last_request(played: Played) -> Written:
    """Return the last step 3 that was sent: it carries most sections."""
    return [one for one in played.written if one.kind == "reintegration-assistance-request"][-1]
