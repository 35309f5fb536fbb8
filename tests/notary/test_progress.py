from __future__ import annotations

import io

from notary.progress import Progress


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


class Seconds:
    """Seconds that pass when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_short_work_is_silent() -> None:
    stream, now = io.StringIO(), Seconds()
    progress = Progress("copying", stream, now)
    now.now += 4.9
    progress.tell(5, 10)
    progress.end()
    assert stream.getvalue() == ""


def test_elsewhere_a_line_comes_every_five_seconds() -> None:
    stream, now = io.StringIO(), Seconds()
    progress = Progress("copying", stream, now)
    for done in range(0, 1_200_001, 100_000):
        progress.tell(done, 1_200_000)
        now.now += 1
    progress.end()
    assert stream.getvalue() == (
        "copying: 500,000 of 1,200,000 entries, 41 %\ncopying: 1,000,000 of 1,200,000 entries, 83 %\n"
    )


def test_on_a_terminal_one_line_is_written_over() -> None:
    stream, now = Terminal(), Seconds()
    progress = Progress("copying", stream, now)
    for done in range(3):
        now.now += 0.25
        progress.tell(done, 2)
    progress.end()
    assert stream.getvalue() == (
        "\rcopying: 0 of 2 entries, 0 %\rcopying: 1 of 2 entries, 50 %\rcopying: 2 of 2 entries, 100 %\n"
    )
