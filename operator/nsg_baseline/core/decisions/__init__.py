"""Decide what to do about one baseline: `decide(snapshot) -> Decision`. Pure; the engine carries a decision out."""

from nsg_baseline.core.decisions.decision import Decision, decide
from nsg_baseline.core.decisions.enforcement import AwaitReading, Enforcement, NoWrite, ReadNSG
from nsg_baseline.core.decisions.snapshot import EarlierReading, Reading, RemediationAttempt, Snapshot

__all__ = [
    "AwaitReading",
    "Decision",
    "EarlierReading",
    "Enforcement",
    "NoWrite",
    "ReadNSG",
    "Reading",
    "RemediationAttempt",
    "Snapshot",
    "decide",
]
