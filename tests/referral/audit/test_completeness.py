from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pysqlite3 import dbapi2

from contracts.encoding import b64, unb64
from logged_town import LoggedTown, logged_town
from referral.audit.completeness import check
from referral.audit.report import FAILS, HOLDS, MISSING, NOTE
from referral.following.anchoring import FOLDER
from referral.store.store import FILE
from referrals import RISK, agreed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from referral.audit.completeness import Completeness


async def hour(town: LoggedTown) -> None:
    """Let an hour pass, and all nodes do what is to be done."""
    town.it.clock.move(town.it.clock() + timedelta(hours=1))
    await town.it.settle()


def read(town: LoggedTown, case: str) -> None:
    """Let somebody at hu-fp read the profile of a case."""
    queries = town.it.nodes["hu-fp"].queries
    message = next(one.message for one in queries.timeline(case) if "profile" in one.sections)
    queries.read_section(case, message, "profile", function="focal-point", purpose="care", principal="test")


async def story(town: LoggedTown) -> list[str]:
    """Let three hours pass with a case in each, anchored each hour at hu-fp; return the cases."""
    cases = []
    for _ in range(3):
        case, _sent = await agreed(town.it)
        read(town, case)
        await town.it.settle()
        await hour(town)
        cases.append(case)
    return cases


def copy(town: LoggedTown, to: Path) -> Path:
    """Give an auditor what hu-fp holds, without its keys."""
    folder = town.it.nodes["hu-fp"].folder
    with dbapi2.connect(str(folder / FILE)) as live:
        live.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return shutil.copytree(folder, to, ignore=shutil.ignore_patterns("vault*", "*.lock", "tokens.json"))


def change(folder: Path, sql: str, *values: Any) -> None:
    """Change the file of events behind everybody's back."""
    with dbapi2.connect(str(folder / FILE)) as database:
        assert database.execute(sql, values).rowcount > 0


def one(folder: Path, sql: str, *values: Any) -> Any:
    with dbapi2.connect(str(folder / FILE)) as database:
        return database.execute(sql, values).fetchone()


def words(found: Completeness, word: str) -> list[tuple[str, str]]:
    return [(one.check, one.sentence) for one in found.findings if one.word == word]


def row_of(folder: Path, name: str, topic: str = "case/message%") -> int:
    """Return the position of a row of a case."""
    found = one(
        folder, "SELECT max(position) FROM events WHERE originator_id = ? AND topic LIKE ?", unb64(name, 16), topic
    )
    return int(found[0])


@pytest.fixture
async def audited(tmp_path: Path) -> Any:
    """Give a copy of a folder with three anchors, and the cases of their hours."""
    async with logged_town(tmp_path / "town") as town:
        cases = await story(town)
        yield copy(town, tmp_path / "copy"), cases


async def test_a_node_as_it_was_holds_without_any_key(audited: tuple[Path, list[str]]) -> None:
    folder, _ = audited
    found = check(folder)
    assert words(found, FAILS) == []
    assert found.ok
    assert (found.anchors, found.proven, found.rows_after) == (3, 3, 0)
    assert found.upto is not None
    assert (found.upto.number, found.upto.position) == (3, one(folder, "SELECT max(position) FROM events")[0])
    assert not (folder / "vault").exists()
    assert ("lists", "They say what they said at the anchor.") in words(found, HOLDS)


async def test_a_node_at_work_is_checked_beside(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        await story(town)
        case, _ = await agreed(town.it)
        found = check(town.it.nodes["hu-fp"].folder)
        assert found.ok
        assert found.rows_after > 0
        assert town.it.nodes["hu-fp"].queries.standing(case).members()


CHANGES: dict[str, Callable[[Path, int], None]] = {
    "a changed state": lambda folder, at: change(
        folder, "UPDATE events SET state = CAST(state || x'00' AS BLOB) WHERE position = ?", at
    ),
    "another key": lambda folder, at: change(
        folder,
        "UPDATE events SET state = CAST(substr(state, 1, 1) || x'0102030405060708' || substr(state, 10) AS BLOB) "
        "WHERE position = ?",
        at,
    ),
    "another topic": lambda folder, at: change(folder, "UPDATE events SET topic = topic || '2' WHERE position = ?", at),
    "a row taken out": lambda folder, at: change(folder, "DELETE FROM events WHERE position = ?", at),
    "a row moved in front": lambda folder, at: change(folder, "UPDATE events SET position = -1 WHERE position = ?", at),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_what_is_done_to_a_row_is_found_in_its_stretch_and_case(
    audited: tuple[Path, list[str]], name: str
) -> None:
    folder, cases = audited
    at = row_of(folder, cases[1])
    CHANGES[name](folder, at)
    found = check(folder)
    assert not found.ok
    assert found.first is not None
    if name == "a row moved in front":
        assert (found.first.after, found.first.anchor) == (0, 1)
        assert found.first.cases == (cases[1],)
        return
    assert (found.first.after, found.first.anchor) == (1, 2)
    assert found.first.cases == (cases[1],)
    assert found.upto is not None
    assert found.upto.number == 1
    assert [sentence for check_name, sentence in words(found, FAILS) if check_name == "reads"] == []
    assert any("Its rows are as they were then" in sentence for _, sentence in words(found, HOLDS))  # the third stretch


async def test_a_row_put_in_is_found(audited: tuple[Path, list[str]]) -> None:
    folder, cases = audited
    at = row_of(folder, cases[0])
    hole = one(folder, "SELECT max(position) + 1 FROM events WHERE position < ?", at)[0]
    change(folder, "UPDATE events SET position = position + 1000000 WHERE position > ?", hole)
    change(folder, "UPDATE events SET position = position - 999999 WHERE position > 1000000")
    change(
        folder,
        "INSERT INTO events (position, originator_id, originator_version, topic, state) "
        "SELECT ?, originator_id, 999, topic, state FROM events WHERE position = ?",
        hole + 1,
        hole,
    )
    found = check(folder)
    assert not found.ok
    assert found.first is not None
    assert (found.first.after, found.first.anchor) == (0, 1)
    assert found.upto is None


async def test_two_rows_that_changed_places_are_found(audited: tuple[Path, list[str]]) -> None:
    folder, cases = audited
    low, high = sorted((row_of(folder, cases[2]), row_of(folder, cases[2], "case/opened%")))
    for old, new in ((low, 10**6), (high, low), (10**6, high)):
        change(folder, "UPDATE events SET position = ? WHERE position = ?", new, old)
    found = check(folder)
    assert found.first is not None
    assert (found.first.after, found.first.anchor, found.first.cases) == (2, 3, (cases[2],))


async def test_a_read_taken_out_of_the_log_of_reads_is_found_there(audited: tuple[Path, list[str]]) -> None:
    folder, _ = audited
    at, stream = one(folder, "SELECT max(position), originator_id FROM events WHERE topic LIKE 'reads/section-read%'")
    change(folder, "UPDATE events SET state = x'00' WHERE position = ?", at)
    found = check(folder)
    assert {name for name, _ in words(found, FAILS)} == {"events", "reads"}
    assert found.first is not None
    assert found.first.cases == (b64(stream),)
    assert any(f"log of reads {b64(stream)}" in sentence for _, sentence in words(found, FAILS))


async def test_a_store_put_back_to_an_older_one_is_found(tmp_path: Path) -> None:
    async with logged_town(tmp_path / "town") as town:
        await agreed(town.it)
        await hour(town)
        older = copy(town, tmp_path / "older")
        await story(town)
        later = copy(town, tmp_path / "later")
        for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
            (later / name).unlink(missing_ok=True)
        shutil.copy(older / FILE, later / FILE)
        found = check(later)
        assert not found.ok
        assert found.first is not None
        assert (found.first.after, found.first.anchor) == (1, 2)
        assert check(older).ok


async def test_erasing_a_section_and_a_whole_case_changes_nothing(tmp_path: Path) -> None:
    async with logged_town(tmp_path / "town") as town:
        cases = await story(town)
        node = town.it.nodes["hu-fp"].node
        pairs = [
            (entry.content.id, commitment)
            for entry in node.store.load(cases[0]).entries.values()
            for commitment in entry.sections
        ]
        node.vault.erase_sections(pairs[:1])
        node.vault.erase_case(cases[1])
        found = check(copy(town, tmp_path / "copy"))
        assert words(found, FAILS) == []
        assert found.ok


async def test_a_node_restored_from_a_backup_goes_on_and_its_anchors_say_so(tmp_path: Path) -> None:
    async with logged_town(tmp_path) as town:
        case, _ = await agreed(town.it)
        await hour(town)
        store = town.it.nodes["hu-fp"].node.store
        at = store.last_position()
        town.it.send("be-fp", case, "risk-assessment", RISK)
        await town.it.settle()
        await hour(town)
        with store.transaction() as cursor:
            cursor.execute("DELETE FROM events WHERE position > ?", (at,))
        await hour(town)
        found = check(town.it.nodes["hu-fp"].folder)
        assert found.first is not None
        assert (found.first.after, found.first.anchor) == (1, 2)
        assert any("put back to an older one" in sentence for _, sentence in words(found, FAILS))


async def test_an_anchor_that_was_changed_is_not_the_one_that_the_log_has(audited: tuple[Path, list[str]]) -> None:
    folder, _ = audited
    file = folder / FOLDER / "2.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"made_at": "2026-09-01T00:00:00Z"}))
    found = check(folder)
    assert not found.ok
    assert {name for name, _ in words(found, FAILS)} == {"log", "anchor"}


async def test_an_anchor_without_its_proof_shows_nothing_and_one_that_is_gone_is_missed(
    audited: tuple[Path, list[str]],
) -> None:
    folder, _ = audited
    (folder / FOLDER / "3.tlog-proof").unlink()
    found = check(folder)
    assert found.ok
    assert found.upto is not None
    assert found.upto.number == 2
    assert [name for name, _ in words(found, MISSING)] == ["log"]
    (folder / FOLDER / "2.json").unlink()
    assert not check(folder).ok


async def test_without_any_anchor_nothing_is_said_to_hold(audited: tuple[Path, list[str]]) -> None:
    folder, _ = audited
    shutil.rmtree(folder / FOLDER)
    found = check(folder)
    assert not found.ok
    assert found.lines[-1] == "Nothing can be said: no anchor from the beginning on is proven."


async def test_lists_that_were_changed_are_a_note(audited: tuple[Path, list[str]]) -> None:
    folder, _ = audited
    change(folder, "UPDATE caseload SET state = 'closed'")
    found = check(folder)
    assert found.ok
    assert "caseload" in words(found, NOTE)[0][1]


async def test_the_command_answers_in_lines_and_json_and_by_its_exit_code(audited: tuple[Path, list[str]]) -> None:
    folder, cases = audited

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        called = [sys.executable, "-m", "referral.cli", "audit", "check", "--node", str(folder), *more]
        return subprocess.run(called, capture_output=True, text=True, check=False)

    held = run()
    assert (held.returncode, held.stderr) == (0, "")
    assert "Nothing was added, changed or taken out up to position" in held.stdout
    change(folder, "DELETE FROM events WHERE position = ?", row_of(folder, cases[1]))
    failed = run("--json")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["first_failure"]["cases"] == [cases[1]]
