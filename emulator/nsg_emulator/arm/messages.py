"""Requests and responses as plain values, so that the emulator can be tested without a socket."""

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
        method: The method, in upper case.
        path: The decoded path, without the query.
        query: The last value of each parameter; names keep their case (`$skipToken`).
        headers: The headers, with names in lower case.
        body: The body as received.
        origin: Scheme and authority that the client used; the base of all URLs in the response.
        client_ip: The IP address of the client, for the Activity Log.
        params: The parameters that the route found in the path.
        principal: The caller, after the bearer token was read.
        id: The id of this request.
        correlation: The correlation id that the client sent, for response headers and the Activity Log.
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
        """The `api-version` parameter; empty if absent."""
        return self.query.get("api-version", "")

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            ArmError: 400 InvalidRequestContent if it is not a JSON object.
        """
        try:
            document = msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise invalid_content(str(error)) from error
        if not isinstance(document, dict):
            raise invalid_content("the body must be a JSON object")
        return document

    def properties(self) -> dict[str, Any]:
        """Return `properties` of the body; empty if absent.

        Raises:
            ArmError: 400 InvalidRequestContent if it is not a JSON object.
        """
        properties_value = self.json().get("properties")
        if properties_value is not None and not isinstance(properties_value, dict):
            raise invalid_content("properties must be a JSON object")
        return properties_value or {}


@dataclass(frozen=True, slots=True)
class ArmResponse:
    """One HTTP response. A `body` of bytes is sent unchanged, any other value as JSON, None as an empty body."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the body as bytes."""
        if self.body is None:
            return NO_BODY
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


def error_response(error: ArmError) -> ArmResponse:
    """Return the response for an error."""
    return ArmResponse(error.status, error.document(), error.headers())


def checked_tags(tags: Any) -> dict[str, str]:
    """Return the tags of a body.

    Raises:
        ArmError: 400 InvalidRequestContent if they are not an object of strings.
    """
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise invalid_content("tags must be an object of strings")
    return tags
