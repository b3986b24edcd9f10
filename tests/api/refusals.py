"""Validation of a custom resource by the embedded API, without HTTP."""

from functools import cache
from typing import Any

from nsg_baseline.api.crds import render
from nsg_emulator.kube import ApiError
from nsg_emulator.kube.admission import Strictness, decode, validate
from nsg_emulator.kube.crds import kinds_of
from nsg_emulator.kube.kinds import Kind
from tests.support.cel import judge


@cache
def served() -> dict[str, Kind]:
    """All kinds as their CRDs make the API serve them."""
    return {kind.kind: kind for crd in render() for kind in kinds_of(crd)}


def refusal(name: str, new: Any, old: Any = None) -> str:
    """What the API says to a created or updated object, with strict field validation; nothing if it takes it."""
    kind = served()[name]
    try:
        before = None if old is None else decode(kind, old, Strictness("Strict"))
        validate(kind, decode(kind, new, Strictness("Strict")), before, [judge])
    except ApiError as error:
        return error.message
    return ""
