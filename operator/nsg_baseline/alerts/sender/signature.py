"""Headers that let the receiver of a webhook verify a message and recognise a repeat (standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

_PREFIX = "whsec_"


def message_id(thread: str, key: str) -> str:
    """Return an id of a message. Repeats have the same id."""
    return "msg_" + hashlib.blake2b(f"{thread}\n{key}".encode(), digest_size=16).hexdigest()


def signed_headers(secret: str, id_: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of a request: an id, the time and, with a secret, the signature of both and the body.

    A secret with the prefix `whsec_` is in base64.
    """
    timestamp = str(int(now.timestamp()))
    headers = {"Idempotency-Key": f'"{id_}"', "webhook-id": id_, "webhook-timestamp": timestamp}
    if secret:
        signed = b".".join((id_.encode(), timestamp.encode(), body))
        digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _key(secret: str) -> bytes:
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret[len(_PREFIX) :], validate=True)
        except binascii.Error:
            pass
    return secret.encode()
