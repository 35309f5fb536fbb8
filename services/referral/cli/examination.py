"""What `referral doctor` looks at: one check for each thing that a node stands on, and what to do where it fails.

The node is opened as a reader, so that one that runs can be looked at. A check that cannot be made because one before
it failed is left out. Nothing is repaired here.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from contracts import tlog
from contracts.refusal import Refusal
from referral.cli.folder import unlock
from referral.cli.output import moment
from referral.cli.running import TOKEN_FILE, UP_FILE
from referral.exchange.broker import BrokerError
from referral.exchange.deliveries import SQL as DELIVERIES
from referral.following.mirror import held
from referral.following.proofs import NotaryAway
from referral.joining import news
from referral.opening import KEY_FILE, Settings, machine_clock, open_node, read_root
from referral.queries import Queries
from referral.store.errors import StoreInUse
from referral.store.sqlite import WriterLock, check_library
from referral.wiring import make_broker, notary_client, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from referral.node import Node
    from referral.wiring import Wired

ENOUGH_DAYS: Final = 7
ENOUGH_DISK: Final = 512 * 1024 * 1024
PATIENCE: Final = timedelta(days=1)  # by then a partner that is there has answered
CLOCK_ERROR: Final = timedelta(minutes=2)
NEIGHBOUR_SECONDS: Final = 15.0
PRIVATE: Final = ("events.sqlite", "tokens.json", TOKEN_FILE, KEY_FILE)


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, whether it is well, what was found, what to do if it is not."""

    name: str
    ok: bool
    found: str
    do: str = ""

    def line(self) -> str:
        """Return it as people read it."""
        return f"{'ok   ' if self.ok else 'WRONG'}  {self.name}: {self.found}{f' - {self.do}' if self.do else ''}"


@dataclass(slots=True)
class Examination:
    """Every check that could be made."""

    checks: list[Check] = field(default_factory=list)
    training: bool | None = None

    @property
    def held(self) -> bool:
        """Say whether all is well."""
        return all(check.ok for check in self.checks)

    def document(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {"well": self.held, "checks": [asdict(check) for check in self.checks]}

    def lines(self) -> Iterator[str]:
        """Return a line for each check, and a last one."""
        yield from (check.line() for check in self.checks)
        wrong = sum(not check.ok for check in self.checks)
        yield "All is well." if not wrong else f"{wrong} of {len(self.checks)} checks want somebody."


def examine(folder: Path, progress: Callable[[str], None]) -> Examination:
    """Look at the node in `folder`."""
    found = Examination()
    progress("library, files, disk")
    found.checks += [_tried("library", _library), *_files(folder)]
    progress("directory")
    found.checks += [_tried("directory", lambda: _directory(folder))]
    progress("vault and store")
    opened = _opened(folder, found)
    if opened is not None:
        try:
            found.training = opened.network.training
            asyncio.run(_inside(folder, opened, found, progress))
        finally:
            opened.store.close()
            opened.vault.close()
    return found


def _tried(name: str, look: Callable[[], str]) -> Check:
    """Return the check that `look` makes: its finding, or the sentence of its refusal."""
    try:
        return Check(name, True, look())
    except Refusal as refused:
        return Check(name, False, str(refused))


def _library() -> str:
    check_library()
    return "this SQLite keeps what it commits"


def _files(folder: Path) -> Iterator[Check]:
    """Look at the modes of what holds secrets, and at the disk; what a folder does not have is not looked at."""
    open_to_others = [name for name in PRIVATE if (folder / name).is_file() and (folder / name).stat().st_mode & 0o077]
    if open_to_others:
        names = ", ".join(open_to_others)
        yield Check("files", False, f"others may read {names}", f"chmod 600 {names}, and consider new keys")
    else:
        yield Check("files", True, "secrets are readable by their owner alone")
    with suppress(OSError):
        free = shutil.disk_usage(folder).free
        sentence = f"{free // 2**20} MiB free"
        yield Check("disk", free >= ENOUGH_DISK, sentence, "" if free >= ENOUGH_DISK else "make room before it is full")


def _directory(folder: Path) -> str:
    settings = Settings.read(folder)
    read_root(folder)
    if not settings.directory:
        return "network.json, to which nobody adds on this machine"
    return "there is news, which the next start takes over" if news(folder) is not None else "up to date"


def _opened(folder: Path, found: Examination) -> Node | None:
    try:
        node = open_node(folder, unlock(folder), machine_clock, reader=True)
    except Refusal as refused:
        found.checks.append(Check("vault and store", False, str(refused)))
        return None
    found.checks.append(Check("vault and store", True, f"open; {node.store.last_position()} events"))
    return node


async def _inside(folder: Path, node: Node, found: Examination, progress: Callable[[str], None]) -> None:
    """Look at everything that an opened node shows."""
    settings = Settings.read(folder)
    found.checks += [_tried("store file", lambda: _sound(node)), _runs(folder), *_log(node), *_epoch_keys(node)]
    progress("broker")
    found.checks.append(await _broker(node, settings))
    progress("notary")
    found.checks += await _notary(node)
    wired = wire(folder, node, make_broker(settings, node.now), None)
    try:
        found.checks += [_deliveries(node), _followers(wired), _alarms(wired)]
    finally:
        await wired.worker.close()


def _sound(node: Node) -> str:
    with node.store.reading() as cursor:
        said = cursor.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise _Damaged
    return "every page of it reads"


class _Damaged(Refusal):
    """The file is damaged; restore the last backup, then its partners send again what it lacks."""

    code = "store-damaged"


def _runs(folder: Path) -> Check:
    try:
        WriterLock(folder).release()
    except StoreInUse:
        up = (folder / UP_FILE).is_file()
        return Check("running", True, "`referral up` runs" if up else "another command writes just now")
    return Check("running", True, "nobody runs it; what is sent waits for `referral up`")


def _log(node: Node) -> Iterator[Check]:
    """Look at how far the log is mirrored, and at our statements that it lacks; nothing where there is no log."""
    if node.network.notary is None:
        return
    mirrored, waiting = held(node.store, node.network), len(node.own.waiting(node.directory))
    sentence = f"{mirrored.size} entries mirrored, the quorum stood over {mirrored.settled}"
    yield Check("log", True, f"{sentence}; {waiting} statements of ours wait" if waiting else sentence)


def _epoch_keys(node: Node) -> Iterator[Check]:
    """Look at the keys that today's and the next days' envelopes are sealed to: ours, and those of partners."""
    today = node.now().astimezone(UTC).date()
    published = [day for day in node.directory.epoch_days(node.agency) if day >= today]
    lacking = set(published) - set(node.vault.epoch_days())
    if lacking:
        sentence = f"{len(lacking)} published ones are not in the vault"
        yield Check("epoch keys", False, sentence, "partners' envelopes of those days stay shut: renew, and tell them")
    elif len(published) <= ENOUGH_DAYS:
        do = "referral init --renew, then start it again"
        if node.network.notary is not None:
            do = "the running node publishes more: see that it runs and reaches the notary"
        yield Check("epoch keys", False, f"{len(published)} days left", do)
    else:
        yield Check("epoch keys", True, f"{len(published)} days left")
    partners = [name for name, one in node.directory.agencies.items() if name != node.agency and one.active]
    without = sorted(name for name in partners if node.directory.epoch_key(name, today) is None)
    if without:
        names = ", ".join(without)
        yield Check("partners' keys", False, f"none for today: {names}", "ask them to renew; what is for them waits")
    else:
        yield Check("partners' keys", True, f"{len(partners)} partners have one for today")


async def _broker(node: Node, settings: Settings) -> Check:
    try:
        broker = make_broker(settings, node.now)
    except Refusal as refused:
        return Check("broker", False, str(refused))
    try:
        async with asyncio.timeout(NEIGHBOUR_SECONDS):
            end = await broker.end(node.me.capabilities.topic, 0)
    except (BrokerError, TimeoutError) as away:
        sentence = (type(away).__doc__ or "It does not answer.").partition("\n")[0]
        return Check("broker", False, sentence, "commands are stored meanwhile; ask whoever runs the broker")
    finally:
        await broker.close()
    return Check("broker", True, f"{settings.broker}, our inbox is there, {end} envelopes so far")


async def _notary(node: Node) -> list[Check]:
    """Look at the notary's checkpoint, and at our clock by the notary's and by what was recorded."""
    client = notary_client(node)
    if client is None:
        return [Check("notary", True, "none in this network: nothing is witnessed"), _clock(node, None)]
    try:
        note = await client.fetch("checkpoint")
        policy = tlog.read_policy(node.network.policy.encode())
        size = tlog.open_checkpoint(note, policy.log_keys, policy.witness_keys).checkpoint.size
        told = await client.date()
    except (NotaryAway, Refusal) as away:
        sentence = str(away) or (type(away).__doc__ or "").partition("\n")[0]
        todo = "messages flow meanwhile; ask whoever runs the notary"
        return [Check("notary", False, sentence, todo), _clock(node, None)]
    finally:
        await client.close()
    return [Check("notary", True, f"a log of {size} entries, signed by its key"), _clock(node, told)]


def _clock(node: Node, told: datetime | None) -> Check:
    now = node.now()
    newest = max((row.changed_at for row in Queries(node, Path()).cases()), default=now)
    if newest > now + CLOCK_ERROR:
        return Check("clock", False, "it is behind what was recorded here before", "set it; use a time service")
    if told is not None and abs(told - now) > CLOCK_ERROR:
        minutes = round((now - told).total_seconds() / 60)
        return Check("clock", False, f"{minutes} minutes off the notary's", "set it; use a time service")
    return Check("clock", True, "as the notary's" if told is not None else "not behind anything recorded here")


def _deliveries(node: Node) -> Check:
    with node.store.reading() as cursor:
        rows = cursor.execute(DELIVERIES["waiting_deliveries"]).fetchall()
    if not rows:
        return Check("deliveries", True, "nothing waits for a receipt")
    many = Counter(recipient for _, recipient, *_ in rows)
    oldest = datetime.fromtimestamp(min(made_at for _, _, _, made_at, _ in rows), UTC)
    said = ", ".join(f"{number} for {recipient}" for recipient, number in sorted(many.items()))
    sentence = f"waiting for a receipt: {said}, the oldest since {moment(oldest)}"
    late = node.now() - oldest > PATIENCE
    return Check("deliveries", not late, sentence, "call that agency: its node has not answered" if late else "")


def _followers(wired: Wired) -> Check:
    store = wired.node.store
    waiting = [(one.name, item) for one in wired.worker.followers for item in one.set_aside(store)]
    if not waiting:
        return Check("lists", True, "every follower has read on, no case is set aside")
    names = ", ".join(sorted({f"{name} ({item.error})" for name, item in waiting}))
    return Check("lists", False, f"{len(waiting)} cases set aside by {names}", "report this; the history is whole")


def _alarms(wired: Wired) -> Check:
    many = len(wired.queries.alarms())
    return Check("alarms", True, f"{many} for a person: referral alarm list" if many else "none")
