"""The headers If-Match and If-None-Match of writes."""

from collections.abc import Mapping

from nsg_emulator.arm import errors

_ANY = "*"


def check(headers: Mapping[str, str], etag: str | None, resource_id: str) -> None:
    """Reject a write whose condition is not met.

    A mismatch was recorded for the PUT of an NSG. Its DELETE, and PUT and DELETE of a rule, are assumed to behave alike
    (`?`).

    Args:
        headers: The request headers, with names in lower case.
        etag: The current etag of the resource; None if it does not exist.
        resource_id: For the message.

    Raises:
        ArmError: 412 PreconditionFailed.
    """
    if_match = headers.get("if-match")
    if if_match is not None and not _matches(if_match, etag):
        raise errors.etag_mismatch(_weak(_core(if_match)), etag or "", resource_id)
    unwanted = headers.get("if-none-match")
    if unwanted is not None and etag is not None and _matches(unwanted, etag):
        raise errors.already_exists(resource_id)


def _matches(if_match: str, etag: str | None) -> bool:
    if etag is None:
        return False
    return if_match.strip() == _ANY or _core(etag) in {_core(part) for part in if_match.split(",")}


def _core(etag: str) -> str:
    """Return the value of an etag. Azure treats `W/"x"`, `"x"` and `x` alike (recorded for `invalid`)."""
    return etag.strip().removeprefix("W/").strip('"')


def _weak(core: str) -> str:
    return f'W/"{core}"'
