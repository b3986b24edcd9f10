"""Decodes the values of Secrets."""

import base64
import binascii
from collections.abc import Mapping


def decoded(data: Mapping[str, str | bytes]) -> dict[str, str]:
    """Return a Secret's decoded values by key. Values that are not text are left out: they cannot contain a URL."""
    texts: dict[str, str] = {}
    for key, value in data.items():
        try:
            texts[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
    return texts
