"""What the operator and the sender write to each other: a line of JSON for a request, and another for its answer."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

TextFormat = Literal["text", "html", "markdown"]
Level = Literal["failure", "warning", "success"]
Failure = Literal["", "own", "private", "forbidden", "invalid", "failed", "deadline", "killed"]
"""Why a message was not delivered; empty if it was.

own: the address is the pod's own or the metadata service. private: the address is in a private network.
forbidden: the send needs more than TCP to an address. invalid: not a URL of the service. failed: refused by the
service, or no connection. deadline: no response in time. killed: the process ended before it answered.
"""


class Notice(msgspec.Struct, frozen=True):
    """The parts of a message that this project's own plugins need."""

    event: str
    severity: str
    title: str
    key: str
    thread: str
    is_first: bool = False
    link: str | None = None
    facts: tuple[str, ...] = ()
    exposure: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    payload: Mapping[str, Any] = {}


class Send(msgspec.Struct, frozen=True):
    """One message to one channel, as its service gets it.

    Attributes:
        seconds: The deadline of the whole send.
        local: Whether addresses of the pod itself and of the metadata service are allowed.
        private: Whether addresses of private networks are allowed.
    """

    scheme: str
    url: str
    title: str
    body: str
    format: TextFormat
    level: Level
    notice: Notice
    seconds: float = 30
    local: bool = False
    private: bool = False


class Request(msgspec.Struct, frozen=True):
    """A numbered send."""

    number: int
    send: Send


class Answer(msgspec.Struct, frozen=True):
    """The result of a send: numbers and fixed words only, because any text of a library could contain the URL.

    Attributes:
        status: The last status code of HTTP or SMTP; 0 if there was no response.
        retry_after: The pause in seconds that the service asks for.
    """

    failure: Failure = ""
    status: int = 0
    retry_after: float | None = None


class Numbered(msgspec.Struct, frozen=True):
    """The answer to the request with this number."""

    number: int
    answer: Answer


_ENCODER = msgspec.json.Encoder()
_REQUESTS = msgspec.json.Decoder(Request)
_ANSWERS = msgspec.json.Decoder(Numbered)


def encode(line: Request | Numbered) -> bytes:
    """Return a request or an answer as one line."""
    return _ENCODER.encode(line) + b"\n"


def decode_request(line: bytes) -> Request:
    """Parse a line of the operator."""
    return _REQUESTS.decode(line)


def decode_answer(line: bytes) -> Numbered:
    """Parse a line of the sender."""
    return _ANSWERS.decode(line)
