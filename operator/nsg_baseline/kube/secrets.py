"""Secrets as texts."""

import base64
import binascii
from collections.abc import Mapping


def decoded(data: Mapping[str, str | bytes]) -> dict[str, str]:
    """Decode a Secret's data. A value that is not text is left out, because it cannot contain a URL."""
    texts: dict[str, str] = {}
    for key, value in data.items():
        try:
            texts[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
    return texts
