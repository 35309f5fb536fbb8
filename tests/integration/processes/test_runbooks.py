"""The runbooks rehearsed: the commands of each page, run as they stand there, on networks of real programs."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from house.checkout import ROOT
from integration.processes.test_joining_offline import network
from journeys_over_http import Errand
from newcomers import codes, first_message, run, serving
from processes import Running, found, proven, running, stored_by, timeline, until
from referral.exchange.alarms import RUNBOOKS
from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile

if TYPE_CHECKING:
    from kafka.realkafka import RealKafka
    from processes import NodeProcess
    from referral.play.journey import Journey

pytestmark = [pytest.mark.slow, pytest.mark.checkout, pytest.mark.xdist_group("processes")]

PAIR = ("be-fp", "hu-fp")


def lines(page: str, block: int) -> list[str]:
    """Return the commands of a page's block that is no `console` block, by its place."""
    text = (ROOT / RUNBOOKS / f"{page}.md").read_text(encoding="utf-8")
    found: list[str] = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return found[block].splitlines()


def done(folder: Path, page_lines: list[str], **variables: str) -> None:
    """Run lines that have to succeed; those that serve until they are stopped are left to the test."""
    for line in page_lines:
        if not line.startswith(("referral up", "notary serve")):
            ran = run(folder, line, **variables)
            assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"


def two_messages(it: Running, journey: Journey, prefix: str) -> Errand:
    """Let one agency record a consent and ask the other one; return the errand with its case."""
    errand = Errand(journey, it, prefix=prefix)
    for number, step in errand.commands()[:4]:
        command = errand.command(number, step)
        if command.agency == "be-fp" and command.refused is None and "hu-iom" not in str(command.body):
            answer = errand.carry_out(command)
            errand.case = errand.case or answer["case"]
    return errand


def stored_everywhere(node: NodeProcess, case: str) -> bool:
    """Say whether every message of a case has a receipt."""
    own = timeline(node, case)
    return len(own) >= 2 and all(stored_by(one) for one in own)


def test_a_notary_without_its_key_stops_nobody_and_goes_on_with_the_copy(tmp_path: Path, six_steps: Journey) -> None:
    times = six_steps.times()
    agencies = {name: six_steps.agencies[name] for name in PAIR}
    with running(tmp_path, agencies, times[0], times[-1]) as it:
        node = it.nodes["be-fp"]
        before = two_messages(it, six_steps, "before-")
        until(lambda: proven(node, before.case), "the messages before are proven")
        it.notary.end(signal.SIGKILL)
        (tmp_path / "offline").mkdir()
        (tmp_path / "log").symlink_to("notary")
        (tmp_path / "network.json").symlink_to("nodes/be-fp/network.json")
        (tmp_path / "notary" / "log.key").rename(tmp_path / "offline" / "log.key")
        refused = run(tmp_path, "notary serve log --network network.json")
        assert (refused.returncode, refused.stdout) == (2, "")

        meanwhile = two_messages(it, six_steps, "meanwhile-")
        until(lambda: stored_everywhere(node, meanwhile.case), "messages go on without the notary")
        assert not any(one["proof"] for one in timeline(node, meanwhile.case))

        done(tmp_path, lines("notary-key-lost", 1))
        assert (tmp_path / "notary" / "log.key").stat().st_mode & 0o777 == 0o600
        it.start_notary()
        until(lambda: proven(node, meanwhile.case), "what was sent meanwhile is proven")
        it.notary.end()

    done(tmp_path, lines("notary-key-lost", 2))
    status = run(tmp_path, "notary status next").stdout
    assert "origin: training.example/log-2" in status
    assert re.search(r"^pending: [1-9]", status, re.MULTILINE), (
        "the last checkpoint of the log before is its first entry"
    )


def joined(folder: Path, digest: str) -> tuple[str, list[str]]:
    """Let an agency join as the page on a lost passphrase says, under its old id; return the page's lines."""
    restrict, request, admit, finish, _up = lines("passphrase-lost", 0)
    first = request.replace("ro-shelter", "ro-ngo").replace("identity-anew.key", "identity.key")
    done(folder, [first, admit, finish.replace("ro-shelter", "ro-ngo")], digest=digest)
    (folder / "request.json").unlink()
    return restrict, [request, admit, finish]


def test_an_agency_whose_passphrase_is_lost_comes_back_under_another_id_and_is_written_to(tmp_path: Path) -> None:
    with network(tmp_path) as digest:
        restrict, again = joined(tmp_path, digest)
        (tmp_path / "ro-ngo" / "vault.key").unlink()
        assert run(tmp_path, "referral doctor --node ro-ngo").returncode == 1

        done(tmp_path, [restrict, *again], digest=digest)
        with serving(tmp_path, "be-fp", "ro-shelter") as nodes:
            case, _ = first_message(nodes["be-fp"], "ro-shelter")
            until(lambda: nodes["ro-shelter"].get(f"/v1/cases/{case}"), "the agency is written to under its new keys")
            assert codes(nodes["ro-shelter"]) == []


def suspended(folder: Path, agency: str) -> bool:
    """Say whether a node's directory has an agency as suspended."""
    node = open_node(folder, KeyFile(folder / KEY_FILE), reader=True)
    try:
        return node.directory.agencies[agency].suspended
    finally:
        node.store.close()
        node.vault.close()


def test_a_partner_that_died_is_suspended_and_what_is_for_it_waits(tmp_path: Path) -> None:
    with network(tmp_path) as digest:
        joined(tmp_path, digest)
        with serving(tmp_path, "be-fp") as nodes:
            case, _ = first_message(nodes["be-fp"], "ro-ngo")
            (suspend,) = lines("agency-gone", 0)
            done(tmp_path, [suspend])
            until(lambda: suspended(tmp_path / "be-fp", "ro-ngo"), "the node has read that it is suspended")
            path = f"/v1/cases/{case}/messages/request-withdrawal"
            sent = nodes["be-fp"].post(path, {"act": {"reason": "other"}}, "withdrawal")["message"]
            until(lambda: "no-epoch-key" in codes(nodes["be-fp"]), "a person is told that it cannot be written to")
            (waits,) = [one for one in timeline(nodes["be-fp"], case) if one["message"] == sent]
            assert stored_by(waits) == set()


@pytest.mark.kafka
def test_nodes_move_to_another_broker_and_nothing_that_waited_is_lost(
    tmp_path: Path, six_steps: Journey, loopback_kafka: RealKafka
) -> None:
    times, nobody = six_steps.times(), "127.0.0.1:9"
    agencies = {name: six_steps.agencies[name] for name in PAIR}
    it = found(tmp_path, agencies, times[0], times[-1], loopback_kafka.settings().bootstrap)
    new = loopback_kafka.settings().bootstrap
    for name in PAIR:
        settings = tmp_path / "nodes" / name / "node.json"
        settings.write_text(settings.read_text().replace(new, nobody))
        (tmp_path / name).symlink_to(Path("nodes") / name)
    try:
        it.start_notary()
        for node in it.nodes.values():
            node.start()
        errand = two_messages(it, six_steps, "")
        until(lambda: "broker-away" in codes(it.nodes["be-fp"]), "the broker is away")
        assert not any(stored_by(one) for one in timeline(it.nodes["be-fp"], errand.case))
        for node in it.nodes.values():
            node.stop()
        done(tmp_path, lines("broker-operator-gone", 1) + lines("broker-operator-gone", 2), new=new)
        for node in it.nodes.values():
            node.start()
        until(lambda: stored_everywhere(it.nodes["be-fp"], errand.case), "what waited has its receipts")
        until(lambda: "broker-away" not in codes(it.nodes["be-fp"]), "nothing rings any more")
    finally:
        for node in it.nodes.values():
            node.kill()
        it.notary.close()
