"""The 212 recorded NSGs, and events of Event Grid."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "arm" / "nsgs.jsonl.gz"


@cache
def recorded_nsgs() -> tuple[dict[str, Any], ...]:
    """Return them as Azure answered, in the order of the file."""
    with gzip.open(DATA, "rt") as lines:
        return tuple(json.loads(line)["nsg"] for line in lines)


@cache
def recorded_events() -> tuple[dict[str, Any], ...]:
    """Return events of Event Grid in both schemas, in the order of the file."""
    return tuple(json.loads(line)["event"] for line in (DATA.parent / "events.jsonl").read_text().splitlines())
