"""Measures one message end to end at 20 a second: sent at one node, readable at the other, receipted at the first.

Run `python tests/benchmarks/bench_end_to_end.py [--rounds N] [--messages N] [--json FILE]`. Two nodes as two processes
with the work of `referral up`, a notary as a third, all with the disk settings that ship; a real Kafka and the embedded
broker in turns. Each message is the first step of a case of its own: composed under all rules, signed, committed,
sealed into 16 KiB, carried, opened, verified, committed, receipted, logged. At most 16 are under way. Every message
that was sent is held once by its recipient and receipted, or the run fails. What is being done is said on standard
error; a process that does not answer in time fails the run by its name, and every process is ended.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from contracts.examples import example
from kafka.realkafka import RealKafka
from nodes import AGENCIES
from processes import found as founded
from referral.api.serving import WorkerThread
from referral.casework.case import Case
from referral.casework.intent import Chosen, Intent
from referral.desk import ConsentForm
from referral.log_lines import log_to_standard_error
from referral.opening import KEY_FILE
from referral.play.journey import AgencyPart
from referral.vault import KeyFile
from referral.wiring import wire_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.wiring import Wired

INTERVAL = 1 / 20  # seconds
WINDOW = 16
PATIENCE = 25.0  # seconds: until a receipt, an answer or an end that does not come fails the run
SENDER, READER = "be-fp", "hu-fp"
WARM_UP = 20  # messages
KAFKA = "real Kafka"
COUNTS = ("readable", KAFKA)
WHY = (
    "The goal is in milliseconds; eight processes share the cores (four nodes, two notaries, Kafka, the benchmark): "
    "the load and the loop of plain Python say how fast the machine was, the CPU of each node says what is ours."
)
P50, P99 = 50 / 3, 65 / 2  # ms: performance.md G4, a third and a half of Synapse's
FIRST_STEP = {
    "scenario": "2_police_or_ngo",
    "solution": "return",
    "majority": "adult",
    "preliminary_risk": "high",
    "services": ["shelter", "medical"],
    "reason": "AdditionalServicesRequired",
    "dependants": "0",
    "interpreter": True,
}


class Watch:
    """Notes when commits of a node came, and says afterwards when each message was there."""

    def __init__(self, wired: Wired) -> None:
        """Watch from now on."""
        self._store = wired.node.store
        self._begin = self._store.last_position()
        self._commits: list[tuple[int, int]] = []
        self.changed = threading.Condition()
        self._store.listen(self._note)

    def _note(self, position: int) -> None:
        with self.changed:
            self._commits.append((position, time.monotonic_ns()))
            self.changed.notify_all()

    def times(self, topic: str) -> dict[str, list[int]]:
        """Return, by content id, when the events of a topic were committed (monotonic ns)."""
        found: dict[str, list[int]] = {}
        begin = self._begin
        while page := self._store.events_after(begin, topics=(topic,)):
            for stored in page:
                at = next(at for position, at in self._commits if position >= stored.position)
                for name in _named(stored.event):
                    found.setdefault(name, []).append(at)
            begin = page[-1].position
        return found


def _named(event: Any) -> list[str]:
    if isinstance(event, Case.ReceiptRecorded):
        return [name for name, _ in event.items] if event.stage == "R1" else []
    return [event.content_id]


def serve_agent(folder: Path) -> None:
    """Be one node: do what each line of standard input says, and answer in one line of JSON."""
    log_to_standard_error()
    wired = wire_up(folder, KeyFile(folder / KEY_FILE))
    worker, cases = WorkerThread(wired), list[str]()
    worker.start()
    watch = Watch(wired)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        what, *rest = line.split()
        answer: dict[str, Any] = {}
        if what == "prepare":
            cases = prepare(wired, int(rest[0]))
            watch = Watch(wired)
        elif what == "send":
            answer["sent"] = send(wired, cases)
        else:
            answer["stored"] = watch.times(Case.MessageReceived.TOPIC)
            answer["receipted"] = watch.times(Case.ReceiptRecorded.TOPIC)
            watch = Watch(wired)
        print(json.dumps({**answer, "cpu": cpu()}), flush=True)
    worker.stop()


def cpu() -> float:
    """Return the CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def receipts(wired: Wired) -> int:
    """Return how many deliveries of a node have their receipt."""
    with wired.node.store.reading() as cursor:
        row = cursor.execute("SELECT count(*) FROM deliveries WHERE state = 'stored'").fetchone()
    return int(row[0])


def wait_for_receipts(wired: Wired, many: int) -> None:
    """Return once so many deliveries have their receipt."""
    end = time.monotonic() + PATIENCE
    while (found := receipts(wired)) < many:
        if time.monotonic() > end:
            raise SystemExit(f"{many - found} receipts did not come within {PATIENCE:.0f} s")
        time.sleep(0.005)


def prepare(wired: Wired, many: int) -> list[str]:
    """Create cases with the consent that the first step needs; return them once the consents are receipted."""
    today, before = datetime.now(UTC).date(), receipts(wired)
    body = example("consent")
    cases = []
    for _ in range(many):
        case = wired.desk.open_case(key=fresh(), principal="bench").case
        form = ConsentForm(
            agency=READER,
            role="requested",
            purposes=("share_agency", "travel"),
            classes=("P0", "P1", "P2", "P3", "P4"),
            valid_from=today,
            expires_at=today + timedelta(days=60),
            body=body,
        )
        wired.desk.give_consent(case, form, key=fresh(), principal="bench")
        cases.append(case)
    wait_for_receipts(wired, before + many)
    return cases


def fresh() -> str:
    """Return an idempotency key that was not used before."""
    return f"bench-{time.monotonic_ns()}"


def send(wired: Wired, cases: list[str]) -> dict[str, list[int]]:
    """Send one message in each case at a steady pace; return when each was asked for and when it was accepted."""
    sent: dict[str, list[int]] = {}
    before, begin = receipts(wired), time.monotonic()
    for number, case in enumerate(cases):
        time.sleep(max(0.0, begin + number * INTERVAL - time.monotonic()))
        wait_for_receipts(wired, before + len(sent) - WINDOW)
        sections = {"profile": Chosen(example("profile"), (READER,))}
        intent = Intent("assistance-request-notification", FIRST_STEP, sections, to={READER: "requested"})
        asked = time.monotonic_ns()
        message = wired.desk.send(case, intent, key=fresh(), principal="bench").message
        sent[message] = [asked, time.monotonic_ns()]
    wait_for_receipts(wired, before + len(sent))
    return sent


class Agent:
    """One node in a process of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        """Start it."""
        self.name = name
        command = [sys.executable, __file__, "--agent", str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._hear("start", PATIENCE)

    def _hear(self, asked: str, limit: float) -> Any:
        assert self._process.stdout is not None
        # Each question has one line for an answer, so that nothing waits in the buffer behind the pipe.
        came, _, _ = select.select([self._process.stdout], [], [], limit)
        line = self._process.stdout.readline() if came else ""
        if not line:
            how = f"did not answer within {limit:.0f} s" if not came else "ended"
            raise RunFailed(f"the {self.name} was asked to `{asked}` and {how}")
        return json.loads(line)

    def ask(self, what: str, count: int = 0) -> Any:
        """Have it do something and return what it says."""
        assert self._process.stdin is not None
        print(what, count, file=self._process.stdin, flush=True)
        return self._hear(what, PATIENCE + 10 * count * INTERVAL)

    def stop(self) -> None:
        """End it."""
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


class RunFailed(Exception):  # noqa: N818 - it says what is so
    """There is no figure: a process did not do its part."""


def yardstick() -> float:
    """Return the milliseconds of a loop of plain Python while the nodes rest: this machine's speed now."""
    begin = time.perf_counter()
    sum(number * number for number in range(1_000_000))
    return (time.perf_counter() - begin) * 1e3


def say(what: str) -> None:
    """Tell who waits what is being done, and how busy the machine is."""
    print(f"{time.strftime('%H:%M:%S')} load {os.getloadavg()[0]:.2f}: {what}", file=sys.stderr, flush=True)


@contextmanager
def pair(folder: Path, bootstrap: str) -> Iterator[tuple[Agent, Agent]]:
    """Run sender and reader with their notary."""
    folder.mkdir()
    agencies = {name: AgencyPart(**part) for name, part in AGENCIES.items() if name in {SENDER, READER}}
    now = datetime.now(UTC).replace(microsecond=0)
    made = founded(folder, agencies, now, now + timedelta(days=1), bootstrap)
    with ExitStack() as stack:
        stack.callback(made.notary.close)
        made.start_notary()
        agents = []
        for name, agency in (("sender", SENDER), ("reader", READER)):
            agents.append(Agent(name, made.nodes[agency].folder))
            stack.callback(agents[-1].stop)
        yield agents[0], agents[1]


def one_round(sender: Agent, reader: Agent, count: int) -> dict[str, list[float]]:
    """Return the milliseconds of each message to its acceptance, its reader and its receipt, and the CPU of both."""
    used = {"sender": sender.ask("prepare", count)["cpu"], "reader": reader.ask("report")["cpu"]}
    sent = sender.ask("send", count)
    told, stored = sender.ask("report"), reader.ask("report")
    asked = {name: times[0] for name, times in sent["sent"].items()}
    accepted = {name: times[1:] for name, times in sent["sent"].items()}
    # Sent, received and receipted are the same messages, each once: a run that lost or doubled one is no result.
    once = dict.fromkeys(asked, 1)
    assert len(asked) == count
    assert {name: len(stored["stored"].get(name, ())) for name in asked} == once
    assert {name: len(told["receipted"].get(name, ())) for name in asked} == once
    stages = {"accepted": accepted, "readable": stored["stored"], "receipted": told["receipted"]}
    found = {stage: [(at[name][0] - asked[name]) / 1e6 for name in asked] for stage, at in stages.items()}
    spent = {"sender": told["cpu"] - used["sender"], "reader": stored["cpu"] - used["reader"]}
    return found | {f"CPU of the {who}": [seconds / count * 1e3] for who, seconds in spent.items()}


def figures(side: str, rounds: list[dict[str, list[float]]], loads: list[float]) -> list[dict[str, Any]]:
    """Return p50 and p99 of each stage, medians over the rounds, and the CPU of a message in each process."""
    note = f"median of {len(rounds)} rounds of {len(rounds[0]['readable'])} messages at 20 a second, 16 KiB envelopes"
    note += f"; load {min(loads):.1f} to {max(loads):.1f} meanwhile"
    results: list[dict[str, Any]] = []
    for stage in ("accepted", "readable", "receipted"):
        for label, rank in (("p50", 49), ("p99", 98)):
            value = median(quantiles(one[stage], n=100, method="inclusive")[rank] for one in rounds)
            found = {"name": f"send to {stage}, {side}, {label}", "value": round(value, 1), "unit": "ms", "note": note}
            goal = {"p50": P50, "p99": P99}[label]
            judged = {"goal": f"<= {goal:.1f}", "met": value <= goal, "why": WHY} if (stage, side) == COUNTS else {}
            results.append(found | judged)
    for name in sorted(name for name in rounds[0] if name.startswith("CPU")):
        value = round(median(one[name][0] for one in rounds), 1)
        results.append({"name": f"{name} for one message, {side}", "value": value, "unit": "ms"})
    return results


def measure(folder: Path, rounds: int, count: int) -> list[dict[str, Any]]:
    """Run the rounds, the brokers in turns, and return the figures."""
    with ExitStack() as stack:
        (folder / "kafka").mkdir()
        kafka = RealKafka(folder / "kafka", {"admin": "for-this-run"}, plaintext=True)
        stack.callback(kafka.stop)
        say("a real Kafka starts")
        kafka.format()
        kafka.start()
        say("four nodes and two notaries start")
        sides = {
            KAFKA: stack.enter_context(pair(folder / "over-kafka", kafka.settings().bootstrap)),
            "embedded": stack.enter_context(pair(folder / "over-embedded", "")),
        }
        for name, agents in sides.items():
            say(f"{WARM_UP} messages to warm up, {name}")
            one_round(*agents, WARM_UP)
        spent: dict[str, list[dict[str, list[float]]]] = {name: [] for name in sides}
        loads, speeds = [], []
        for number in range(rounds):
            speeds.append(yardstick())
            for name, agents in sides.items():
                say(f"round {number + 1} of {rounds}, {name}")
                spent[name].append(one_round(*agents, count))
                loads.append(os.getloadavg()[0])
    found = [one for name, found in spent.items() for one in figures(name, found, loads)]
    said = f"between the rounds, {min(speeds):.0f} to {max(speeds):.0f}: how fast this machine was meanwhile"
    return [*found, {"name": "a loop of plain Python", "value": round(median(speeds), 1), "unit": "ms", "note": said}]


def main() -> None:
    """Measure, print, and keep the figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=60)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--agent", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.agent:
        serve_agent(wanted.agent)
        return
    # Beside this file, as the other benchmarks: a temporary folder may be in memory, where a commit costs nothing.
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        try:
            results = measure(Path(folder), wanted.rounds, wanted.messages)
        except RunFailed as failed:
            sys.exit(f"no figure: {failed}")
    for one in results:
        print(f"{one['value']:>8} {one['unit']}  {one['name']}", one.get("goal", ""))
    if wanted.json:
        said = "the way of a command over HTTP; TLS to the broker; the network: all processes share one machine"
        found = {"results": results, "not_in_the_figure": said}
        wanted.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
