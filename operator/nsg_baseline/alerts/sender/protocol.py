"""The protocol between the operator and the sender: one line of JSON for each request, and one for each answer."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

TextFormat = Literal["text", "html", "markdown"]
Level = Literal["failure", "warning", "success"]
Failure = Literal["", "own", "private", "forbidden", "invalid", "failed", "deadline", "killed"]
"""The reason why a message was not delivered; empty if it was delivered.

own: the address belongs to the pod or the metadata service. private: the address is in a private network.
forbidden: the send needs more than TCP to an address. invalid: not a URL of the service. failed: refused by the
service, or no connection. deadline: no response in time. killed: the process ended before it answered.
"""


Problem = Literal["", "invalid", "dropped", "nobody", "many", "elsewhere"]
"""Why a URL cannot be a channel; empty if it can.

invalid: the plugin does not accept it. dropped: the plugin ignores a part of it. nobody: it has no recipient.
many: it has too many recipients. elsewhere: for an https URL, the plugin requests another address.
"""


class Notice(msgspec.Struct, frozen=True):
    """The parts of a message that the plugins of this project need."""

    event: str
    severity: str
    title: str
    key: str
    thread: str
    is_first: bool = False
    is_acknowledged: bool = False
    is_new_alert: bool = False
    link: str | None = None
    facts: tuple[str, ...] = ()
    exposure: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    payload: Mapping[str, Any] = {}
    alerts: tuple[Mapping[str, Any], ...] = ()


class Send(msgspec.Struct, frozen=True, tag="send"):
    """One message to one channel, in the format of its service.

    Attributes:
        recipient: The only recipient to send to, as a description of the URL names it; empty for all.
        seconds: The deadline of the whole send, in seconds.
        local: Whether addresses of the pod and of the metadata service are allowed.
        private: Whether addresses of private networks are allowed.
        fits: Whether the text has the format and the length of the service already.
    """

    scheme: str
    url: str
    title: str
    body: str
    format: TextFormat
    level: Level
    notice: Notice
    recipient: str = ""
    seconds: float = 30
    local: bool = False
    private: bool = False
    fits: bool = True


class Describe(msgspec.Struct, frozen=True, tag="describe"):
    """A question about URLs, each with its scheme. No request is made."""

    urls: tuple[tuple[str, str], ...]
    seconds: float = 30


class Call(msgspec.Struct, frozen=True, tag="call"):
    """A GET request to a URL, such as that of a dead man's switch. It is answered if the status is 2xx."""

    url: str
    seconds: float = 30
    local: bool = False
    private: bool = False


class Render(msgspec.Struct, frozen=True, tag="render"):
    """Templates and what they show. No URL is part of it: a template that leaves its limits finds none.

    Attributes:
        templates: The templates by name.
        fields: The names of all fields that the alert can have.
        alert: The machine-readable form of the message; None to check the templates only.
        standard: The parts of the built-in message.
    """

    templates: Mapping[str, str]
    fields: tuple[str, ...]
    alert: Mapping[str, Any] | None = None
    standard: Mapping[str, Any] = {}
    seconds: float = 4


class Poll(msgspec.Struct, frozen=True, tag="poll"):
    """A question to a pager: who acknowledged the alerts with these keys."""

    scheme: str
    url: str
    threads: tuple[str, ...]
    seconds: float = 30
    local: bool = False
    private: bool = False


class Request(msgspec.Struct, frozen=True):
    """A numbered request."""

    number: int
    ask: Send | Describe | Call | Poll | Render


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """The result of a send: only numbers and fixed words, because texts of libraries could contain the URL.

    Attributes:
        status: The last status code of HTTP or SMTP; 0 if there was no response.
        retry_after: The pause in seconds that the service requests.
    """

    failure: Failure = ""
    status: int = 0
    retry_after: float | None = None


class Description(msgspec.Struct, frozen=True, tag="description"):
    """What a URL is. The descriptions of a request precede its answer.

    Attributes:
        index: The place of the URL in the request.
        problem: Why it cannot be a channel; empty if it can.
        service: The name of the service.
        recipients: An id for each recipient that can be sent to alone; empty if the URL is sent to as a whole.
    """

    index: int
    problem: Problem = ""
    service: str = ""
    recipients: tuple[str, ...] = ()


class Rendered(msgspec.Struct, frozen=True, tag="rendered"):
    """A part of the result of a template, in their order, or why there is none. The parts precede the answer.

    Attributes:
        template: The name of the template.
        text: The next characters, with the marks of `marks`.
        is_last: Whether the result is complete.
        problem: What is wrong with the template; empty if it has a result.
    """

    template: str
    text: str = ""
    is_last: bool = False
    problem: str = ""


class Seen(msgspec.Struct, frozen=True, tag="seen"):
    """An acknowledged alert, as its service reports it: untrusted text of limited length.

    Attributes:
        index: The place of the alert's key in the request.
        by: The person.
        at: The time, in ISO 8601.
    """

    index: int
    by: str
    at: str


class Numbered(msgspec.Struct, frozen=True):
    """The answer to the request with this number, or a part of it. A line is short enough to be written at once."""

    number: int
    answer: Answer | Description | Rendered | Seen


_ENCODER = msgspec.json.Encoder()
_REQUESTS = msgspec.json.Decoder(Request)
_ANSWERS = msgspec.json.Decoder(Numbered)


def encode(line: Request | Numbered) -> bytes:
    """Return a request or an answer as one line."""
    return _ENCODER.encode(line) + b"\n"


def decode_request(line: bytes) -> Request:
    """Parse a line of the operator.

    Raises:
        msgspec.DecodeError: the line is not a request.
    """
    return _REQUESTS.decode(line)


def decode_answer(line: bytes) -> Numbered:
    """Parse a line of the sender.

    Raises:
        msgspec.DecodeError: the line is not an answer.
    """
    return _ANSWERS.decode(line)
