"""What every decoder raises: one named refusal whose sentence says what to do and never repeats what was read."""

from __future__ import annotations

from typing import ClassVar


class Refusal(ValueError):  # noqa: N818 - the field says refusal, and a refusal is an ordinary outcome
    """This was refused; nothing was changed."""

    code: ClassVar[str] = "refused"

    def __init__(self, detail: str = "") -> None:
        """Say what is wrong: the sentence of the class, and a detail that holds no personal data."""
        sentence = (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(f"{sentence} {detail}".strip())
        self.detail = detail


class FormatRefused(Refusal):
    """These bytes do not have the form that the format asks for."""

    code = "format"
