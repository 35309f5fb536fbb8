"""No line of the log says what it may not: whatever is handed to it, it is listed, in its form, or left out."""

from __future__ import annotations

import io
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from canaries import CANARIES, scan_texts
from notary import log_lines as notary_lines
from referral import log_lines as referral_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

# Constants of a library's source, our own sentences about files, public names of logs: nobody's words reach these.
OURS = {"says", "why", "origin", "witness"}
BOTH = pytest.mark.parametrize("lines", [referral_lines, notary_lines], ids=["referral", "notary"])


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Give the logging of this process back as it was."""
    root, thinned = logging.getLogger(), logging.getLogger("aiokafka.conn")
    before, level, hook = list(root.handlers), root.level, threading.excepthook
    filters, thinned.filters[:] = list(thinned.filters), []  # an earlier test may have thinned out what it writes
    yield
    thinned.filters[:] = filters
    root.handlers[:] = before
    root.setLevel(level)
    threading.excepthook = hook


def written(lines: Any, write: Any, form: str = "json") -> str:
    """Return what stands in the log after `write` was called."""
    file = io.StringIO()
    lines.log_to(file, form)
    write()
    return file.getvalue()


@BOTH
def test_a_line_is_one_json_object_with_its_time_its_level_and_its_event(lines: Any) -> None:
    (line,) = written(lines, lambda: structlog.get_logger().info("stopped")).splitlines()
    found = json.loads(line)
    assert (found["event"], found["level"], sorted(found)) == ("stopped", "info", ["event", "level", "timestamp"])
    assert found["timestamp"].endswith("Z")


@BOTH
def test_a_line_that_is_not_listed_says_that_it_is_not_and_nothing_else(lines: Any) -> None:
    found = json.loads(written(lines, lambda: structlog.get_logger().info(CANARIES[0], error=CANARIES[1])))
    assert {**found, "timestamp": ""} == {"event": "unlisted", "level": "info", "timestamp": ""}


@BOTH
def test_a_field_that_is_not_listed_is_left_out_and_a_value_out_of_its_form_withheld(lines: Any) -> None:
    def write() -> None:
        structlog.get_logger().info("request", method="GET", route="/x?name=Maria", status="200", case="C", error="E")

    found = json.loads(written(lines, write))
    assert {name: found[name] for name in found.keys() - lines.ALWAYS} == {
        "method": "GET",
        "route": "withheld",
        "status": "withheld",
    }


@BOTH
@pytest.mark.parametrize("form", ["json", "console"])
def test_of_two_hundred_canaries_in_every_field_and_every_way_none_is_written(lines: Any, form: str) -> None:
    def write() -> None:
        log = structlog.get_logger()
        for canary in CANARIES:
            log.info(canary)
            for event, fields in lines.EVENTS.items():
                given = dict.fromkeys(fields - OURS, canary)
                log.info(event, **given, person=canary, exc_info=ValueError(canary))
            library = logging.getLogger("uvicorn.error")
            library.error("%s", canary)
            library.error(canary)
            library.error("Exception in ASGI application", exc_info=ValueError(canary))
            logging.getLogger("aiokafka.conn").error("Unable to connect: %s", canary)
            logging.getLogger(canary).error("x")

    told = written(lines, write, form)
    assert len(told.splitlines()) == len(CANARIES) * (len(lines.EVENTS) + 6)
    assert scan_texts([told]) == set()


@BOTH
def test_what_a_library_logs_names_who_where_and_which_error(lines: Any) -> None:
    def write() -> None:
        error = KeyError("Maria")
        logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)

    found = json.loads(written(lines, write))
    assert (found["event"], found["logger"], found["error"]) == ("library", "uvicorn.error", "KeyError")
    assert found["where"].startswith("test_log_lines:")
    assert "says" not in found


def test_of_the_kafka_client_the_constant_text_is_written() -> None:
    def write() -> None:
        logging.getLogger("aiokafka.conn").error("Unable connect to node with id %s: %s", 1, "Maria")

    found = json.loads(written(referral_lines, write))
    assert found["says"] == "Unable connect to node with id %s: %s"


@BOTH
def test_a_thread_that_fails_is_named_by_its_error_alone(lines: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError("Maria")

    def write() -> None:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()

    found = json.loads(written(lines, write))
    assert (found["event"], found["error"]) == ("thread-failed", "ValueError")
    assert "Maria" not in "".join(capsys.readouterr())
