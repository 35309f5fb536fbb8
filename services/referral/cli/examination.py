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
from referral.cli.at_hand import Uncalled
from referral.cli.check import Check
from referral.cli.folder import unlock
from referral.cli.lasting import lasting
from referral.cli.output import moment
from referral.cli.running import TOKEN_FILE, UP_FILE
from referral.exchange.broker import BrokerError
from referral.exchange.deliveries import SQL as DELIVERIES
from referral.following.mirror import held
from referral.following.proofs import NotaryAway
from referral.joining import news
from referral.metrics import SQL as COUNTS
from referral.opening import KEY_FILE, VAULT_FOLDER, Settings, machine_clock, open_node, read_root
from referral.queries import Queries
from referral.room import PAUSE, REFUSE, WARN, used_of
from referral.store.errors import StoreInUse
from referral.store.positions import SQL as POSITIONS
from referral.store.sqlite import WriterLock, check_library
from referral.wiring import make_broker, notary_client, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from referral.node import Node
    from referral.wiring import Wired

FULL: Final = (  # reliability.md 6: how full the disk is, and what a node does then
    (PAUSE, "make room now: reading the inbox stops"),
    (REFUSE, "make room now: commands that are not urgent are refused"),
    (WARN, "make room before it is full"),
)
FAR_BEHIND: Final = 500  # events that a list has not passed while its node runs: a page
PATIENCE: Final = timedelta(days=1)  # by then a partner that is there has answered
CLOCK_ERROR: Final = timedelta(minutes=5)
NEIGHBOUR_SECONDS: Final = 15.0
PRIVATE: Final = ("events.sqlite", "tokens.json", TOKEN_FILE, KEY_FILE)


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
    found.checks += [_tried("root file", lambda: _root(folder)), _tried("directory", lambda: _directory(folder))]
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
    yield from _folders(folder)
    with suppress(OSError):
        used = used_of(folder)()
        sentence = f"{used:.0%} full, {shutil.disk_usage(folder).free // 2**20} MiB free"
        do = next((what for limit, what in FULL if used >= limit), "")
        yield Check("disk", not do, sentence, do)


def _folders(folder: Path) -> Iterator[Check]:
    """Look at who may change the node's folder, and who may look into its vault."""
    with suppress(OSError):
        wrong = [f"chmod go-w {folder.resolve().name}"] if folder.stat().st_mode & 0o022 else []
        vault = folder / VAULT_FOLDER
        wrong += [f"chmod 700 {folder.resolve().name}/{VAULT_FOLDER}"] if vault.stat().st_mode & 0o077 else []
        if wrong:
            yield Check("folder", False, "others may change it or look into its vault", "; ".join(wrong))
        else:
            yield Check("folder", True, "its owner alone changes it")


def _root(folder: Path) -> str:
    """Name the digest under which the root file was agreed on; `RootChanged` where the file is another one."""
    network = read_root(folder)
    return f"{network.name}, the one that was agreed on: {' '.join(Settings.read(folder).root.split()[-1:])}"


def _directory(folder: Path) -> str:
    settings = Settings.read(folder)
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
    found.checks += [_tried("store file", lambda: _sound(node)), _runs(folder), *_log(node)]
    found.checks += lasting(folder, node)
    progress("broker")
    found.checks.append(await _broker(folder, node, settings))
    progress("notary")
    found.checks += await _notary(node)
    wired = wire(folder, node, Uncalled(), None)
    try:
        found.checks += [_deliveries(node), _followers(wired), _lag(folder, wired), _parked(node), _alarms(wired)]
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


async def _broker(folder: Path, node: Node, settings: Settings) -> Check:
    try:
        broker = make_broker(settings, node.now, folder=folder, brokers=node.network.brokers)
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
        log, known = [tlog.read_key(node.network.log.key)], node.policies.policies.latest.witness_keys
        opened = tlog.open_checkpoint(note, log, known)
        size, told = opened.checkpoint.size, await client.date()
    except (NotaryAway, Refusal) as away:
        sentence = str(away) or (type(away).__doc__ or "").partition("\n")[0]
        todo = "messages flow meanwhile; ask whoever runs the notary"
        return [Check("notary", False, sentence, todo), _clock(node, None)]
    finally:
        await client.close()
    cosigned = max((one.time for one in opened.cosigned if one.time is not None), default=0)
    return [Check("notary", True, f"a log of {size} entries, signed by its key"), _clock(node, told, cosigned)]


def _clock(node: Node, told: datetime | None, cosigned: int = 0) -> Check:
    """Hold our clock against what was recorded here, the witnesses' newest cosignature, and the notary's clock."""
    now = node.now()
    if cosigned > (now + CLOCK_ERROR).timestamp():
        minutes = round((cosigned - now.timestamp()) / 60)
        return Check("clock", False, f"{minutes} minutes behind a witness of the log", "set it; use a time service")
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


def _lag(folder: Path, wired: Wired) -> Check:
    """Look at how far the lists are behind the history; where nobody runs the node they wait for the next start."""
    store = wired.node.store
    last = store.last_position()
    with store.reading() as cursor:
        places = dict(cursor.execute(POSITIONS["all_positions"]).fetchall())
    behind = max((last - places.get(one.name, 0) for one in wired.worker.followers), default=0)
    sentence = f"at most {behind} of {last} events behind"
    if behind < FAR_BEHIND or _idle(folder):
        return Check("followers", True, sentence)
    return Check("followers", False, sentence, "look again in a minute; report this if it does not fall")


def _idle(folder: Path) -> bool:
    try:
        WriterLock(folder).release()
    except StoreInUse:
        return False
    return True


def _parked(node: Node) -> Check:
    with node.store.reading() as cursor:
        found = dict(cursor.execute(COUNTS["parked_envelopes"]).fetchall())
    if not found:
        return Check("parked", True, "no envelope waits to be judged")
    said = ", ".join(f"{number} {reason}" for reason, number in sorted(found.items()))
    return Check("parked", True, f"envelopes that wait: {said}; an alarm says when somebody must act")


def _alarms(wired: Wired) -> Check:
    many = len(wired.queries.alarms())
    return Check("alarms", True, f"{many} for a person: referral alarm list" if many else "none")
