"""Many submitters, one writer: what arrives together is made durable together, and one clock tick signs for all.

One thread owns the log; everything else waits for it. Submissions that queue up while the disk is busy share the next
flush. The first entry after a quiet time starts an interval, at whose end one checkpoint covers all it brought.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from contracts.refusal import Refusal
from contracts.request import RequestReplayed
from contracts.tlog import TILE_WIDTH
from notary.errors import LogStopped

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from notary.agencies import Agencies
    from notary.log import Log

T = TypeVar("T")

QUIET: Final = 60.0  # seconds without entries after which the files are looked at again, nothing being signed

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Submission:
    """Entries of one request; its nonce (with the agency that made it), seconds of POSIX time, and who waits."""

    entries: Sequence[bytes]
    nonce: bytes
    expires: int
    now: int
    answer: asyncio.Future[list[int]]


class Sequencer:
    """Runs a log: `submit` from any request, while `running` is entered."""

    def __init__(
        self,
        log: Log,
        interval: float,
        agencies: Agencies,
        tell: Callable[[int, int], None] = lambda _done, _whole: None,
    ) -> None:
        """Take an open log, the seconds between two checkpoints, and who judges the statements among the entries.

        `tell` hears how many entries of how many have been read again since the log was opened.
        """
        self._tell = tell
        self._log = log
        self._agencies = agencies
        self._interval = interval
        self._queue: asyncio.Queue[Submission] = asyncio.Queue()
        self._brought = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "log")
        self._trouble: str | None = None
        self._held: str | None = None
        self._may_sign = asyncio.Event()
        self._may_sign.set()
        self.news = asyncio.Event()
        self._open = False

    @property
    def trouble(self) -> str | None:
        """Why nothing is signed at present, or None."""
        return self._log.stopped or self._held or self._trouble

    def hold(self, why: str) -> None:
        """Sign nothing until `release`; entries are taken and journalled all the same."""
        self._held = why
        self._may_sign.clear()

    def release(self) -> None:
        """Sign again."""
        self._held = None
        self._may_sign.set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Accept and sign until the block is left; what is answered for by then is on disk."""
        if self._log.pending or self._log.unpublished:
            self._brought.set()
        self._open = True
        tasks = [asyncio.create_task(self._accept()), asyncio.create_task(self._sign())]
        try:
            yield
        finally:
            self._open = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._thread.shutdown(wait=True)
            while not self._queue.empty():
                _fail(self._queue.get_nowait(), LogStopped())

    async def submit(self, entries: Sequence[bytes], *, nonce: bytes, expires: int, now: int) -> list[int]:
        """Return the indices of `entries`, which are on disk then; or raise `RequestReplayed` or `LogStopped`."""
        if not self._open:
            raise LogStopped
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(Submission(entries, nonce, expires, now, answer))
        return await answer

    async def _accept(self) -> None:
        while True:
            group = [await self._queue.get()]
            while not self._queue.empty():
                group.append(self._queue.get_nowait())
            try:
                answers = await self.in_log_thread(self._accept_group, group)
            except BaseException as error:
                for submission in group:
                    _fail(submission, error if isinstance(error, Refusal) else LogStopped())
                if not isinstance(error, Exception):
                    raise
                if not isinstance(error, Refusal):
                    logger.error("entries-not-taken", error=type(error).__name__)
                continue
            self._brought.set()
            for submission, answered in zip(group, answers, strict=True):
                _settle(submission, answered)

    def _accept_group(self, group: Sequence[Submission]) -> list[list[int] | Refusal]:
        """Spend the nonces first: a crash after that loses a request nobody answered, and its nonce only."""
        nonces = [(submission.nonce, submission.expires) for submission in group]
        fresh = self._log.index.spend(nonces, min(submission.now for submission in group))
        judged = iter(self._agencies.judge([one.entries for one, new in zip(group, fresh, strict=True) if new]))
        refusals = [next(judged) if new else RequestReplayed() for new in fresh]
        wanted = [one.entries for one, refused in zip(group, refusals, strict=True) if refused is None]
        places = self._log.accept(wanted)
        # The entries are on disk. If we stop here their statements are read from there at the next start.
        for entries, indices in zip(wanted, places, strict=True):
            self._agencies.take(zip(indices, entries, strict=True))
        answers = iter(places)
        return [next(answers) if refused is None else refused for refused in refusals]

    async def _read_whole(self) -> bool:
        """Read every file once, in pieces between which entries are taken; return whether the log may sign."""
        while not self._log.read_whole:
            if not await self._reads(self._log.read_on):
                return False
            self._tell(self._log.rounds.read * TILE_WIDTH, self._log.rounds.start)
        return True

    async def _reads(self, call: Callable[[], object]) -> bool:
        """Let the log read its files; return whether it may still sign."""
        try:
            await self.in_log_thread(call)
        except OSError as error:
            logger.error("log-unreadable", error=type(error).__name__, number=error.errno)
            self._trouble = "the disk cannot be read"
            await asyncio.sleep(self._interval)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is signed any more
            self._say_stopped(error)
            return False
        else:
            self._trouble = None
        return True

    async def _waited(self) -> bool:
        """Wait for entries, and look at the files while there are none; return whether the log may still sign."""
        while not self._brought.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(QUIET):
                    await self._brought.wait()
            if not self._brought.is_set() and not await self._reads(self._log.look):
                return False
        return True

    async def _sign(self) -> None:
        if self._log.retired or not await self._read_whole():
            return
        while await self._waited():
            await self._may_sign.wait()
            self._brought.clear()
            await asyncio.sleep(self._interval)
            try:
                await self.in_log_thread(self._log.sequence)
            except OSError as error:
                logger.error("checkpoint-not-written", error=type(error).__name__, number=error.errno)
                self._trouble = "the disk cannot be written"
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing is signed any more
                self._say_stopped(error)
                return
            else:
                self._trouble = None
                self.news.set()
            if self._trouble or self._log.pending:
                self._brought.set()

    def _say_stopped(self, error: Exception) -> None:
        """Tell the operator why nothing is signed any more; a refusal says all there is to say."""
        why = self._log.stopped or str(error) if isinstance(error, Refusal) else ""
        logger.error("log-stopped", why=why, error=type(error).__name__)

    async def in_log_thread(self, call: Callable[..., T], *given: Any) -> T:
        """Return what `call` returns in the one thread that may touch the log."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *given)


def _settle(submission: Submission, answered: list[int] | Refusal) -> None:
    if isinstance(answered, Refusal):
        _fail(submission, answered)
    elif not submission.answer.done():
        submission.answer.set_result(answered)


def _fail(submission: Submission, error: BaseException) -> None:
    if not submission.answer.done():
        submission.answer.set_exception(error)
