"""Decodes request bodies in JSON, YAML or protobuf."""

from typing import Any

import msgspec
import yaml
from aiohttp import web

from .errors import bad_request, unsupported_media
from .protobuf import read_object

_ACCEPTED = ("application/json", "application/yaml")


async def read_body(request: web.Request) -> Any:
    """Return the body as JSON values.

    Raises:
        ApiError: 400 if it cannot be decoded; 415 for another encoding, or a kind not supported in protobuf.
    """
    named = request.headers.get("Content-Type", "application/json")  # the Python client does not always send it
    if "protobuf" not in named and "json" not in named and "yaml" not in named:
        raise unsupported_media(_ACCEPTED)
    content = await request.read()
    try:
        if "protobuf" in named:
            return read_object(content)
        if "yaml" in named and not content.lstrip().startswith(b"{"):
            return yaml.safe_load(content)
        return msgspec.json.decode(content)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"the body of the request cannot be read: {error}") from None


async def read_options(request: web.Request) -> dict[str, Any]:
    """Return the options of a DELETE request; empty without a body."""
    if not request.can_read_body or not await request.read():
        return {}
    options = await read_body(request)
    return options if isinstance(options, dict) else {}
