"""Events in the messages of a Storage Queue, as Event Grid writes them.

A message is the base64 form of one event as JSON. Plain JSON is accepted too, because some senders write it, and so is
a list of events. Both schemas of Event Grid are accepted.

Sources: Microsoft's pages about the Event Grid and CloudEvents schemas of subscription events.
"""

import base64
import binascii
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from nsg_baseline.core.azure_events import AzureEvent

MAX_EVENTS = 200
"""Events of one message. A message of a Storage Queue has at most 64 KiB; an event has about 2 KiB."""


class UnreadableMessageError(ValueError):
    """A message contains no event, or not only events. The text contains nothing of the message."""


def events_of(content: str) -> tuple[AzureEvent, ...]:
    """Return the events of a message.

    Raises:
        UnreadableMessageError: the message is not in one of the accepted forms.
    """
    documents = _documents(content)
    if not 0 < len(documents) <= MAX_EVENTS:
        raise UnreadableMessageError(f"the message has {len(documents)} events; at most {MAX_EVENTS} are accepted")
    return tuple(_events(documents))


def _documents(content: str) -> list[Any]:
    text = content.strip()
    try:
        # Without `validate`, characters outside the alphabet are skipped, and any text has a base64 form.
        raw = text.encode() if text.startswith(("{", "[")) else base64.b64decode(text, validate=True)
        document = msgspec.json.decode(raw)
    except (binascii.Error, msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise UnreadableMessageError(f"the message is not JSON: {type(error).__name__}") from error
    return document if isinstance(document, list) else [document]


def _events(documents: list[Any]) -> Iterator[AzureEvent]:
    for document in documents:
        try:
            yield _event(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnreadableMessageError("the message is not an event of Event Grid") from error


def _event(document: dict[str, Any]) -> AzureEvent:
    data = document.get("data") or {}
    time = datetime.fromisoformat(document["time" if "specversion" in document else "eventTime"])
    if time.tzinfo is None:
        raise ValueError("the time has no zone")
    return AzureEvent(
        id=_text(document["id"]),
        operation=_text(data.get("operationName") or ""),
        # The subject is the id of the resource. `resourceUri` is the same id; some operations leave it out.
        resource=_text(document.get("subject") or data["resourceUri"]),
        time=time,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value
