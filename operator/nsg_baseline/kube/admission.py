"""The validating webhook: the API server asks it about each baseline that is created or changed.

Without the webhook, or while it does not respond, the API server accepts the baseline, and the reconcile reports it.
Therefore a certificate that is missing or invalid must not stop the operator.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kopf
import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import GROUP, VERSION

RETRY_SECONDS = 10.0
REFUSED = 403
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Review:
    """The answer about a baseline: why it is refused, if it is, and warnings for the user."""

    refusal: str | None = None
    warnings: tuple[str, ...] = ()


Reviewer = Callable[[Mapping[str, Any], Mapping[str, Any] | None], Awaitable[Review]]
"""Reviews a new baseline and, for an update, the previous one, both as documents."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """The port of the webhook, and the folder with tls.crt and tls.key. Both files are read again when they change."""

    port: int
    certificates: Path


def add_review(handlers: kopf.OperatorRegistry, review: Reviewer) -> None:
    """Add the handler for baselines to a registry. Its path is the plural of the kind."""

    @kopf.on.validate(GROUP, VERSION, NSGBaseline.plural, id=NSGBaseline.plural, registry=handlers)
    async def reviewed(**request: Any) -> None:
        old = request["old"]
        answer = await review(dict(request["body"]), dict(old) if old is not None else None)
        request["warnings"].extend(answer.warnings)
        if answer.refusal is not None:
            raise kopf.AdmissionError(answer.refusal, code=REFUSED)


class PatientServer:
    """Serves the webhook as soon as its certificate can be loaded."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings

    async def __call__(self, serve: Any) -> AsyncIterator[Any]:
        """Yield the configuration of the server, as kopf expects."""
        while True:
            certificate, key = (self._settings.certificates / name for name in ("tls.crt", "tls.key"))
            server = kopf.WebhookServer(port=self._settings.port, certfile=certificate, pkeyfile=key)
            try:
                async for configuration in server(serve):
                    yield configuration
            except (OSError, ssl.SSLError) as error:
                log.warning("webhook not served", certificates=str(self._settings.certificates), message=str(error))
            await asyncio.sleep(RETRY_SECONDS)
