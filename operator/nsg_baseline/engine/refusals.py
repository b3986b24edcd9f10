"""Stores results that no reconcile stores: refusals, invalid scopes, and the end of incidents without a subject."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import ObjectKey
from nsg_baseline.api.validation import InvalidObject
from nsg_baseline.core.assignment import Refusal
from nsg_baseline.core.shares import in_turn
from nsg_baseline.engine.cleanup import (
    prune_incidents,
    report_invalid_scope,
    report_refused_baselines,
    resolve_orphans,
)
from nsg_baseline.engine.health import Health
from nsg_baseline.kube.errors import KubeError
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Stored

RETRY_SECONDS = 30.0
log = structlog.get_logger(__name__)


class RefusalRecorder:
    """Reports refusals in turns of the namespaces, so that thousands of invalid baselines do not delay other edits.

    Attributes:
        storing: the lock that is held while a refusal is stored.
    """

    def __init__(
        self, records: Records, clock: Callable[[], datetime], health: Health, operator_namespace: str = ""
    ) -> None:
        self._records = records
        self._operator_namespace = operator_namespace
        self._health = health
        self._clock = clock
        self._invalid: Sequence[tuple[Stored, InvalidObject]] = ()
        self._refused: dict[ObjectKey, Refusal] = {}
        self._reported: dict[ObjectKey, tuple[int, Refusal]] = {}
        self._changed = asyncio.Event()
        self.storing = asyncio.Lock()

    def update(self, invalid: Sequence[tuple[Stored, InvalidObject]], refused: Mapping[ObjectKey, Refusal]) -> None:
        """Set the invalid scopes and the refused baselines, each with the reason."""
        self._invalid = invalid
        # The mapping is updated in place, so that a running report uses the change.
        self._refused.clear()
        self._refused.update(refused)
        self._changed.set()

    async def run(self) -> None:
        """Store the changed refusals, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.record()
            except KubeError as error:
                log.warning("status not saved", reason=error.reason, message=error.message)
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._changed.set)
            except Exception:
                # An internal error in one object must not stop the reconciles.
                log.exception("refusals not saved")
                self._health.internal_errors += 1
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._changed.set)

    async def record(self) -> None:
        """Store what changed.

        Raises:
            KubeError: something could not be stored.
        """
        for stored, error in self._invalid:
            await report_invalid_scope(self._records, stored, error, self._clock())
        self._reported = {key: value for key, value in self._reported.items() if key in self._refused}
        for key in in_turn(tuple(self._refused), lambda key: key.namespace):
            async with self.storing:
                await self._report(key)
        await resolve_orphans(self._records, self._refused, self._clock())
        await prune_incidents(self._records, self._operator_namespace, self._clock())

    async def _report(self, key: ObjectKey) -> None:
        refusal = self._refused.get(key)
        if refusal is None or self._reported.get(key) == (self._version(key), refusal):
            return
        await report_refused_baselines(self._records, {key: refusal}, self._clock())
        self._reported[key] = self._version(key), refusal

    def _version(self, key: ObjectKey) -> int:
        stored = self._records.store.find(NSGBaseline, key)
        return stored.version if stored is not None else 0
