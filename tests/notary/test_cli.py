from __future__ import annotations

import json
import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from typer.testing import CliRunner

import plain_tlog
from contracts import tlog
from notaries import Program, entries, entry, fill, head_of, new_log, program, read_whole, root_file, vkey
from notary.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


def run(*words: object) -> Result:
    """Run the command line to its end, in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


def said(*words: object) -> Any:
    """Run the program and return the JSON document that it prints."""
    return json.loads(run(*words, "--json").stdout)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return new_log(tmp_path / "log")


def test_a_log_is_made_looked_at_and_checked(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "log"
    made = run("init", folder, "--origin", "example.org/log")
    assert (made.exit_code, made.stderr) == (0, "")
    key = tlog.read_key(made.stdout.strip())
    assert key.name == "example.org/log"
    assert tlog.read_signer((folder / "log.key").read_text()).key == key
    assert (folder / "log.key").stat().st_mode & 0o777 == 0o600
    found = said("status", folder)
    assert (found["origin"], found["vkey"], found["size"], found["pending"], found["running"]) == (
        "example.org/log",
        str(key),
        0,
        0,
        False,
    )
    assert said("fsck", folder)["sound"] is True
    again = run("init", folder, "--origin", "example.org/log")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "There is a log in this folder already" in again.stderr


def test_the_private_key_is_printed_nowhere(tmp_path: Path) -> None:
    made = run("init", tmp_path / "log", "--origin", "example.org/log", "--json")
    secret = (tmp_path / "log" / "log.key").read_text().strip().rsplit("+", 1)[1]
    assert set(json.loads(made.stdout)) == {"origin", "vkey", "witness"}
    assert secret not in made.stdout + made.stderr + run("status", tmp_path / "log").stdout


def test_fsck_exits_1_and_names_the_damaged_file(log: Path) -> None:
    fill(log, entries(300))
    path = log / "tile/entries/001.p/44"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    found = run("fsck", log)
    assert (found.exit_code, found.stdout) == (1, "damaged: tile/entries/001.p/44\n")
    assert said("fsck", log)["damaged"] == ["tile/entries/001.p/44"]


def test_serving_a_damaged_log_exits_1_and_names_the_file(log: Path, tmp_path: Path) -> None:
    fill(log, entries(300))
    (log / "tile/0/000").write_bytes(bytes(8192))
    found = run("serve", log, "--bind", "127.0.0.1:0", "--network", root_file(tmp_path, log))
    assert (found.exit_code, found.stdout) == (1, "")
    assert "tile/0/000" in found.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["status", "{tmp}/none"], "There is no log"),
        (["fsck", "{tmp}/none"], "There is no log"),
        (["serve", "{tmp}/none", "--network", "{root}"], "There is no log"),
        (["serve", "{log}"], "give --network FILE"),
        (["serve", "{log}", "--network", "{tmp}/none"], "network names no file"),
        (["serve", "{log}", "--network", "{log}/checkpoint"], "network is no root file"),
        (["serve", "{log}", "--network", "{other}"], "names another log"),
        (["serve", "{log}", "--network", "{root}", "--bind", "localhost"], "bind is HOST:PORT"),
        (["serve", "{log}", "--network", "{root}", "--bind", "somewhere:1"], "bind names an IP address"),
        (["serve", "{log}", "--network", "{root}", "--bind", "127.0.0.1:70000"], "bind is HOST:PORT"),
        (["serve", "{log}", "--network", "{root}", "--bind", "192.0.2.1:1"], "cannot be listened on"),
        (["serve", "{log}", "--network", "{root}", "--interval", "0.001"], "interval"),
        (["init", "{tmp}/new", "--origin", "two words"], "no spaces"),
    ],
)
def test_a_wrong_call_exits_2_and_says_what_to_do(log: Path, tmp_path: Path, words: list[str], sentence: str) -> None:
    (tmp_path / "a").mkdir()
    root = root_file(tmp_path, log)
    other = root.rename(tmp_path / "other.json")
    root = root_file(tmp_path, log)
    other.write_text(other.read_text().replace(vkey(log), f"{vkey(log)[:-4]}AAAA"))
    places = {"tmp": str(tmp_path), "log": str(log), "root": str(root), "other": str(other)}
    found = run(*(word.format(**places) for word in words))
    assert (found.exit_code, found.stdout) == (2, "")
    assert sentence in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("command", ["status", "fsck", "retire", "witness-key"])
def test_a_disk_that_cannot_be_read_is_told_without_a_traceback(log: Path, command: str) -> None:
    (log / "log.key").unlink()
    (log / "log.key").mkdir()
    found = run(command, log)
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr == (
        "notary: A file or folder cannot be read or written; see whether the disk is full and whose the folder is. "
        "Is a directory.\n"
    )


def test_a_refusal_is_a_json_document_where_one_was_asked_for(log: Path, tmp_path: Path) -> None:
    missing = run("status", tmp_path / "none", "--json")
    assert (missing.exit_code, json.loads(missing.stdout)["error"]) == (2, "log-missing")
    (log / "checkpoint").write_bytes(b"rubbish")
    damaged = run("status", log, "--json")
    assert (damaged.exit_code, json.loads(damaged.stdout)["error"]) == (1, "log-damaged")
    assert json.loads(damaged.stdout)["detail"] in damaged.stderr


def test_a_log_without_witnesses_says_at_its_start_what_it_cannot_notice(
    log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with program(log, root_file(tmp_path, log), tmp_path / "clock"):
        pass
    first = json.loads(capfd.readouterr().err.splitlines()[0])
    assert (first["event"], first["level"]) == ("not-witnessed", "warning")


def test_a_log_is_copied_checked_and_looked_at(log: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    fill(log, entries(300))
    with program(log, root_file(tmp_path, log), tmp_path / "clock") as notary:
        url = notary.ready["url"]
        nobody = run("mirror", url, copy)
        assert (nobody.exit_code, "Say whose log it is" in nobody.stderr) == (2, True)
        both = run("mirror", url, copy, "--vkey", vkey(log), "--network", root_file(tmp_path, log))
        assert (both.exit_code, "not both" in both.stderr) == (2, True)
        found = said("mirror", url, copy, "--network", root_file(tmp_path, log))
        assert (found["size"], found["new"], found["origin"]) == (300, 300, "training.example/log")
        notary.submit(entries(7, "more"))
        notary.checkpoint(307, vkey(log))
        assert run("mirror", url, copy).stdout.endswith("7 of them new\n")
    state = said("status", copy)
    assert (state["kind"], state["size"], state["vkey"], state["running"]) == ("copy", 307, vkey(log), False)
    assert said("fsck", copy)["sound"] is True
    away = run("mirror", url, copy)
    assert (away.exit_code, "does not answer" in away.stderr) == (1, True)
    other = run("mirror", url, copy, "--vkey", str(tlog.make_signer("o", b"\x05" * 32).key))
    assert (other.exit_code, "another log" in other.stderr) == (2, True)
    own = run("serve", copy, "--network", root_file(tmp_path, log))
    assert (own.exit_code, "There is no log in this folder" in own.stderr) == (2, True)


def test_a_fork_exits_1_and_says_where_both_checkpoints_are(log: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    fork = new_log(tmp_path / "fork")
    fill(log, entries(3))
    fill(fork, entries(4, "other"))
    for folder, place, code in ((log, "a", 0), (fork, "b", 1)):
        with program(folder, root_file(tmp_path / place, folder), tmp_path / place / "clock") as notary:
            found = run("mirror", notary.ready["url"], tmp_path / "copy", "--vkey", vkey(log))
            assert found.exit_code == code
    assert "two histories" in found.stderr
    assert "conflicts/3-4-" in found.stderr


def test_a_log_is_retired_and_another_goes_on_from_it(log: Path, tmp_path: Path) -> None:
    fill(log, entries(3))
    early = run("init", tmp_path / "next", "--origin", "example.org/log-2", "--succeeds", log)
    assert (early.exit_code, "notary retire" in early.stderr) == (2, True)
    assert said("retire", log) == {
        "beyond": 0,
        "origin": "training.example/log",
        "root": said("status", log)["root"],
        "size": 3,
    }
    assert said("status", log)["retired"] is True
    assert run("init", tmp_path / "next", "--origin", "example.org/log-2", "--succeeds", log).exit_code == 0
    assert said("status", tmp_path / "next")["pending"] == 1
    fill(tmp_path / "next", entries(1))
    assert read_whole(tmp_path / "next") == [b"\x04" + (log / "checkpoint").read_bytes(), entry(0)]


def test_help_teaches_every_command() -> None:
    assert "notary init DIR --origin" in run("--help").stdout
    for command in ("init", "serve", "status", "fsck", "mirror", "retire"):
        found = run(command, "--help")
        assert found.exit_code == 0
        assert len(found.stdout.splitlines()) > 8


def test_the_program_serves_signs_and_stops_when_told(log: Path, tmp_path: Path) -> None:
    with program(log, root_file(tmp_path, log), tmp_path / "clock") as notary:
        assert (notary.ready["ready"], notary.ready["origin"], notary.ready["vkey"]) == (
            True,
            "training.example/log",
            vkey(log),
        )
        assert notary.submit(entries(3)) == [0, 1, 2]
        assert notary.checkpoint(3, vkey(log))[0] == 3
        assert said("status", log)["running"] is True
        assert said("fsck", log)["size"] == 3
        second = run("serve", log, "--bind", "127.0.0.1:0", "--network", root_file(tmp_path, log))
        assert (second.exit_code, "Another process holds this log" in second.stderr) == (2, True)
        notary.process.send_signal(signal.SIGTERM)
        assert notary.process.wait(30) == 0
    assert said("status", log)["running"] is False
    assert read_whole(log) == entries(3)


def test_a_clock_file_is_the_present_for_the_window_of_requests(log: Path, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    with program(log, root_file(tmp_path, log), clock) as notary:
        notary.submit(entries(1))
        clock.write_text("2026-03-02T09:10:01Z\n", encoding="ascii")
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            notary.submit(entries(1, "later"))


def kill_in_the_middle(notary: Program, batches: list[list[bytes]], after: int) -> dict[bytes, int]:
    """Submit batches side by side and kill the program once `after` of them are answered; return what was answered."""
    answered: dict[bytes, int] = {}

    def submit(batch: list[bytes]) -> None:
        try:
            indices = notary.submit(batch)
        except httpx.HTTPError:
            return
        answered.update(zip(batch, indices, strict=True))
        if len(answered) >= after * len(batches[0]):
            notary.process.kill()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(submit, batches))
    notary.process.kill()
    notary.process.wait()
    return answered


@pytest.mark.parametrize("turn", range(2))
def test_kill_9_in_the_middle_of_submissions_loses_no_answer_and_doubles_no_entry(
    log: Path, tmp_path: Path, turn: int
) -> None:
    drawn = random.Random(turn)
    root = root_file(tmp_path, log)
    wanted = entries(240)
    batches = [wanted[at : at + 6] for at in range(0, 240, 6)]
    drawn.shuffle(batches)
    known: dict[bytes, int] = {}
    heads = []
    for _time in range(2):
        with program(log, root, tmp_path / "clock") as notary:
            for one, index in kill_in_the_middle(notary, batches, drawn.randint(1, 20)).items():
                assert known.setdefault(one, index) == index
        heads.append(head_of(log))
    with program(log, root, tmp_path / "clock") as notary:
        for batch in batches:
            for one, index in zip(batch, notary.submit(batch), strict=True):
                assert known.setdefault(one, index) == index
        notary.checkpoint(240, vkey(log))
        os.kill(notary.process.pid, signal.SIGTERM)
        notary.process.wait()
    found = read_whole(log)
    assert sorted(found) == sorted(wanted)
    assert {one: index for index, one in enumerate(found)} == known
    for size, root_hash in heads:
        assert plain_tlog.mth(found[:size]) == root_hash
