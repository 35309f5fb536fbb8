"""What a notary may write to its log: these lines with these fields, on standard error; everything else is left out.

Rules:
- a line is one of `EVENTS`, with the fields that stand beside it and no other; what is written under another name
  becomes `unlisted`, so that a forgotten line shows and tells nothing;
- what a library logs becomes the line `library`: its logger, where in its source it spoke, and the name of the error;
- no line holds an entry, an address with an index, a body, or the message of an error that is not ours.
The log itself is public and holds nobody's data; who submits when is what an operator of it must not publish.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from typing import TextIO

    from structlog.typing import Processor, WrappedLogger

LogFormat = Literal["console", "json"]

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,79}")
FIELDS: Final[Mapping[str, re.Pattern[str]]] = {
    "error": NAME,
    "logger": NAME,
    "method": re.compile(r"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"),
    "origin": re.compile(r"[\x21-\x7e]{1,120}"),
    "release": re.compile(r"[0-9][0-9a-z.]{0,30}"),
    "route": re.compile(r"-|/[a-z0-9_./{}:-]{0,120}"),
    "where": re.compile(r"[A-Za-z0-9_]{1,60}:[0-9]{1,6}"),
    "why": re.compile(r"[\x20-\x7e]{1,400}"),  # a sentence of ours: a damaged file, a witness that knows more
    "witness": re.compile(r"[\x21-\x7e]{1,120}"),
}
NUMBERS: Final = frozenset({"milliseconds", "number", "size", "status"})
EVENTS: Final[Mapping[str, frozenset[str]]] = {
    "checkpoint-not-written": frozenset({"error", "number"}),
    "entries-not-taken": frozenset({"error"}),
    "library": frozenset({"logger", "where", "error"}),
    "log-stopped": frozenset({"why", "error"}),
    "log-unreadable": frozenset({"error", "number"}),
    "not-witnessed": frozenset(),
    "request": frozenset({"method", "route", "status", "milliseconds"}),
    "started": frozenset({"release", "origin", "size"}),
    "stopped": frozenset(),
    "thread-failed": frozenset({"error"}),
    "unlisted": frozenset(),
    "witness-ahead": frozenset({"witness", "why"}),
    "witness-not-asked": frozenset({"witness", "error"}),
}
ALWAYS: Final = frozenset({"event", "level", "timestamp"})
WITHHELD: Final = "withheld"


def only_listed(_logger: WrappedLogger, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return a line with the fields that its event may have, each value in its form."""
    event = str(line.get("event"))
    if event not in EVENTS:
        event = "unlisted"
    fields = {name: _allowed(name, line[name]) for name in EVENTS[event] if line.get(name) not in (None, "")}
    return {"event": event, **{name: line[name] for name in ("level", "timestamp") if name in line}, **fields}


def _allowed(name: str, value: object) -> object:
    if name in NUMBERS:
        return value if isinstance(value, int | float) and not isinstance(value, bool) else WITHHELD
    return value if isinstance(value, str) and FIELDS[name].fullmatch(value) else WITHHELD


class Bridge(logging.Handler):
    """Turns the records of libraries into lines `library`: who spoke, where, under which error; never about what."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line for a record."""
        error = record.exc_info[0] if record.exc_info else None
        structlog.get_logger().log(
            record.levelno,
            "library",
            logger=record.name,
            where=f"{record.module}:{record.lineno}",
            error=error.__name__ if error is not None else "",
        )


def log_to(file: TextIO, form: LogFormat = "json") -> None:
    """Write the lines of this process to `file`: as JSON, one a line, or as a person at a terminal reads them."""
    last: Processor = structlog.processors.JSONRenderer()
    if form == "console":
        last = structlog.dev.ConsoleRenderer(colors=file.isatty(), pad_event_to=0)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_listed,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=file),
    )
    logging.basicConfig(level=logging.WARNING, handlers=[Bridge()], force=True)
    # Python writes what ended a thread to standard error, with the error's message: the name has to do.
    threading.excepthook = _thread_failed


def log_to_standard_error(form: LogFormat = "json") -> None:
    """Write the lines of this process to standard error: standard output belongs to the answer."""
    log_to(sys.stderr, form)


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    structlog.get_logger().error("thread-failed", error=failed.exc_type.__name__)
