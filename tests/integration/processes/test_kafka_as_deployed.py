"""A broker started from deploy/kafka, provisioned and checked by the command line, and nodes that log in to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cli_shell import INIT, Shell
from contracts.examples import example
from contracts.network import read_network
from kafka.deployed import ADMIN_PASSWORD, Deployed
from kafka.realkafka import KafkaMissing, RealKafka
from processes import PROGRAM, stored_by, timeline, until
from referral.exchange.access import READ, WRITE, Right
from referral.exchange.kafka_operator import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from processes import NodeProcess

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

CONSENT = {
    "role": "requested",
    "purposes": ["share_agency", "travel"],
    "classes": ["P0", "P1", "P2"],
    "valid_from": "2026-01-01",
    "expires_at": "2099-03-01",
    "section": example("consent"),
}
INBOX_SETTINGS = 9


@pytest.fixture
def deployed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """Give a broker that nobody has provisioned, and the network that names it."""
    (tmp_path / "kafka").mkdir()
    try:
        broker = RealKafka(tmp_path / "kafka", {"admin": ADMIN_PASSWORD})
    except KafkaMissing as missing:
        pytest.skip(f"No real Kafka: {missing}")
    monkeypatch.chdir(tmp_path)
    try:
        broker.format()
        broker.start()
        it = Deployed(tmp_path, broker, Shell(tmp_path, capsys))
        it.make()
        yield it
    finally:
        broker.stop()


def test_a_broker_is_provisioned_checked_and_used_by_password_and_by_certificate(deployed: Deployed) -> None:
    begins_with_nothing(deployed)
    is_provisioned_once(deployed)
    says_what_was_broken_and_mends_it(deployed)
    serves_with_a_wrong_password_and_says_so(deployed)
    carries_messages_between_two_logins(deployed)


def begins_with_nothing(it: Deployed) -> None:
    """Hold the check of an empty broker to all that is missing."""
    kinds = [one["kind"] for one in it.differs()]
    assert sorted(kinds) == ["right-missing"] * 4 + ["topic-missing"] * 2 + ["user-missing"] * 2
    up = it.shell("up", "--node", "be-fp")
    assert (up.code, "referral broker login" in up.err) == (1, True)


def is_provisioned_once(it: Deployed) -> None:
    """Provision, and hold a second run to nothing."""
    first = it.operate("provision")
    assert first.code == 0, first.err
    assert first.out.splitlines()[-1] == "The broker holds what the directory says."
    passwords = {agency: (it.folder / "broker-users" / f"{agency}.password") for agency in INIT}
    for file in passwords.values():
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text().strip() not in first.out + first.err
        assert len(file.read_text().strip()) == 43
    assert it.operate("provision", "--json").json() == {"training": True, "well": True, "done": [], "differences": []}
    assert it.differs() == []


def says_what_was_broken_and_mends_it(it: Deployed) -> None:
    """Break one thing of each kind, and hold check and provision to just these."""
    topics = {
        name: one.capabilities.topic
        for name, one in read_network((it.folder / "network.json").read_bytes()).directory().agencies.items()
    }
    operator = Operator(it.broker.settings())
    stray = Right("User:be-fp", READ, topics["hu-fp"])

    async def break_it() -> None:
        await operator.set_topic(topics["be-fp"], {"retention.ms": "60000"})
        await operator.forbid(Right("User:hu-fp", WRITE, topics["be-fp"]))
        await operator.allow(stray)
        await operator.set_password("mallory", "let me in")
        await operator.remove_user("hu-fp")

    asyncio.run(break_it())
    it.broker.remove_topic(topics["hu-fp"])
    found = {(one["kind"], one["of"]) for one in it.differs()}
    settings = {one for one in found if one[0] == "topic-setting"}
    assert settings == {("topic-setting", topics["be-fp"])}
    assert found - settings == {
        ("topic-missing", topics["hu-fp"]),
        ("user-missing", "hu-fp"),
        ("user-extra", "mallory"),
        ("right-missing", f"hu-fp may write topic {topics['be-fp']}"),
        ("right-extra", stray.text()),
    }

    mended = it.operate("provision", "--json")
    assert mended.code == 1
    assert {one["kind"] for one in mended.json()["differences"]} == {"user-extra", "right-extra"}
    assert all("--remove" in one["do"] for one in mended.json()["differences"])
    assert it.operate("provision", "--remove").code == 0
    assert it.differs() == []
    # The password of a user that was lost is the one in its file: its agency goes on with what it has.
    assert it.differs("--by-certificate", "hu-fp") == [
        {
            "kind": "user-extra",
            "of": "hu-fp",
            "found": "user hu-fp has a password and logs in by certificate",
            "do": "if nobody needs it: referral broker provision --remove",
        }
    ]


def serves_with_a_wrong_password_and_says_so(it: Deployed) -> None:
    """Run a node whose password is wrong: it takes a command, and says what is wrong and what to do."""
    wrong = it.folder / "wrong.password"
    wrong.touch(0o600)
    wrong.write_text("guessed\n")
    assert it.shell("broker", "login", "--node", "be-fp", "--password-file", "wrong.password").code == 0
    looked = it.shell("doctor", "--node", "be-fp", "--json")
    (broker,) = [one for one in looked.json()["checks"] if one["name"] == "broker"]
    assert (looked.code, broker["ok"]) == (1, False)
    assert broker["found"].startswith("The broker refuses our login")
    node = it.node("be-fp", PROGRAM)
    try:
        node.start()
        node.post("/v1/cases", None, "while-away")
        until(lambda: node.get("/v1/state")["broker"] == "away", "the node says that it cannot log in")
        assert node.get("/v1/state")["broker_says"] == broker["found"]
    finally:
        node.stop()
    assert "guessed" not in looked.out + (it.folder / "be-fp" / "complaints.log").read_text()


def carries_messages_between_two_logins(it: Deployed) -> None:
    """Run a node by password and one by certificate, and hold a message to its receipt."""
    given = it.shell("broker", "login", "--node", "be-fp", "--password-file", "broker-users/be-fp.password")
    assert given.code == 0, given.err
    it.broker.authority.issue("hu-fp")
    mine = it.broker.authority.folder
    for name in ("hu-fp.key", "hu-fp.crt"):
        (mine / name).chmod(0o600)
    files = ("--certificate", str(mine / "hu-fp.crt"), "--key", str(mine / "hu-fp.key"))
    where = f"localhost:{it.broker.certificate_port}"
    assert it.shell("broker", "login", "--node", "hu-fp", *files, "--bootstrap", where).code == 0
    for agency in INIT:
        looked = it.shell("doctor", "--node", agency, "--json")
        (broker,) = [one for one in looked.json()["checks"] if one["name"] == "broker"]
        assert broker == {
            "name": "broker",
            "ok": True,
            "found": "kafka, our inbox is there, 0 envelopes so far",
            "do": "",
        }
    nodes = [it.node(agency, PROGRAM) for agency in INIT]
    try:
        for node in nodes:
            node.start()
        case = invites(nodes[0])
        until(lambda: receipted(nodes[0], case), "the receipt of hu-fp")
        assert len(timeline(nodes[1], case)) == len(timeline(nodes[0], case))
    finally:
        for node in nodes:
            node.stop()
    password = (it.folder / "broker-users" / "be-fp.password").read_text().strip()
    for file in it.folder.rglob("*.log"):
        assert password not in file.read_text(encoding="utf-8", errors="replace")


def invites(node: NodeProcess) -> str:
    """Open a case and record a consent, which invites hu-fp; return the case."""
    case = str(node.post("/v1/cases", None, "one")["case"])
    node.post(f"/v1/cases/{case}/consents", {**CONSENT, "agency": "hu-fp"}, "two")
    return case


def receipted(node: NodeProcess, case: str) -> bool:
    """Say whether every message of the node has all its receipts."""
    own = [one for one in timeline(node, case) if one["ours"]]
    return bool(own) and all(set(one["recipients"]) <= stored_by(one) for one in own)
