"""Which acknowledgements the status of an incident does not say yet: the loop of the incident is woken for them."""

from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.api.incident import Acknowledged
from nsg_baseline.core.incident_acknowledgement import is_unrecorded
from tests.support.alerts import START, incident, stamp

LATER = START + timedelta(hours=1)
STORED = {"acknowledgement": {"at": stamp(START), "by": "jo"}}
ENDING = {"acknowledgement": {**STORED["acknowledgement"], "until": stamp(LATER)}}


@pytest.mark.parametrize(
    ("given", "status", "expected"),
    [
        (None, {}, False),
        (Acknowledged(by="jo"), {}, True),
        (Acknowledged(by="jo"), STORED, False),
        (Acknowledged(by="jo", note="another"), STORED, True),
        (None, STORED, True),
        (Acknowledged(by="jo", until=LATER), ENDING, True),
        (Acknowledged(by="jo", until=LATER + timedelta(seconds=1)), {}, True),
        (Acknowledged(by="jo", until=LATER), {}, False),
        (Acknowledged(by="jo"), {"state": "Resolved"}, False),
    ],
)
def test_given_withdrawn_and_ended_acknowledgements_are_unrecorded(
    given: Acknowledged | None, status: dict[str, Any], *, expected: bool
) -> None:
    stored = incident(**status)
    stored = stored.model_copy(update={"spec": stored.spec.model_copy(update={"acknowledged": given})})
    assert is_unrecorded(stored, LATER) is expected
