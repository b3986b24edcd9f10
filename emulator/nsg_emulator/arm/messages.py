"""One request and one answer, as plain values, so that everything behind the socket is testable without one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from nsg_emulator.arm.errors import ArmError, invalid_content
from nsg_emulator.arm.principals import ANONYMOUS, Principal

NO_BODY = b""


@dataclass(frozen=True, slots=True)
class ArmRequest:
    """One HTTP request.

    Attributes:
        method: In capitals.
        path: Decoded, without the query.
        query: Last value of each parameter; names keep their case (`$skipToken`).
        headers: Names in lower case.
        body: The raw bytes.
        origin: Scheme and authority as the client addressed it; the base of every URL in the answer.
        client_ip: The client's address, for the Activity Log.
        params: What the route found in the path.
        principal: Who calls, once the bearer token was read.
        id: Of this request alone.
        correlation: Joins requests that belong together, as their client says, in headers and in the Activity Log.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = NO_BODY
    origin: str = "https://localhost"
    client_ip: str = "127.0.0.1"
    params: Mapping[str, str] = field(default_factory=dict)
    principal: Principal = ANONYMOUS
    id: str = ""
    correlation: str = ""

    @property
    def api_version(self) -> str:
        """The `api-version` parameter, `""` when there is none."""
        return self.query.get("api-version", "")

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            ArmError: 400 InvalidRequestContent when it is anything else.
        """
        try:
            document = msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise invalid_content(str(error)) from error
        if not isinstance(document, dict):
            raise invalid_content("the body must be a JSON object")
        return document

    def properties(self) -> dict[str, Any]:
        """What the body says under `properties`, `{}` when nothing.

        Raises:
            ArmError: 400 InvalidRequestContent when the content is not an object.
        """
        properties_value = self.json().get("properties")
        if properties_value is not None and not isinstance(properties_value, dict):
            raise invalid_content("properties must be a JSON object")
        return properties_value or {}


@dataclass(frozen=True, slots=True)
class ArmResponse:
    """One HTTP answer; `body` is sent as it is when bytes, else encoded as JSON (None: nothing)."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """The body's bytes."""
        if self.body is None:
            return NO_BODY
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


def error_response(error: ArmError) -> ArmResponse:
    """Return the response for an error."""
    return ArmResponse(error.status, error.document(), error.headers())


def checked_tags(tags: Any) -> dict[str, str]:
    """A body's tags.

    Raises:
        ArmError: 400 InvalidRequestContent when they are no object of strings.
    """
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise invalid_content("tags must be an object of strings")
    return tags
