"""What the API refuses before a command is reached: the token, the key of a retry, the form, the size of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contracts.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Unauthorised(Refusal):
    """The token is missing or wrong; send `Authorization: Bearer …` with the token that `referral init` printed."""

    code = "unauthorised"


class KeyMissing(Refusal):
    """Every POST needs an `Idempotency-Key` of 1 to 128 visible characters, so that a retry is no second message."""

    code = "idempotency-key"


class RequestRefused(Refusal):
    """The request does not have the form that the reference of the API describes."""

    code = "request"


class BodyTooLarge(Refusal):
    """The request is larger than any message may be; leave something out, attachments are not carried yet."""

    code = "body-too-large"


class BodyNotJson(Refusal):
    """The body is not JSON as this API reads it: an object in UTF-8, no key twice, no fractions, not deeply nested."""

    code = "not-json"


def misshapen(errors: Iterable[Mapping[str, Any]], skip: int = 1) -> RequestRefused:
    """Return the refusal for what a model found wrong: the fields that are known here, and nothing that was given.

    The first `skip` steps of each place say where in the request the model stands.
    """
    return RequestRefused(" ".join(sorted({_place(error, skip) for error in errors})))


def _place(error: Mapping[str, Any], skip: int) -> str:
    """Name where a request is wrong; a field that we do not know is the caller's word and is not repeated."""
    if error["type"] == "extra_forbidden":
        return "There is a field that this request does not have."
    where = [step for step in error["loc"][skip : skip + 1] if isinstance(step, str)]
    return f"Look at `{where[0]}`." if where else "It is not JSON of this form."
