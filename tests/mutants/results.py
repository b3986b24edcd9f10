"""What was found out about mutants, kept in the cache so that an interrupted run continues."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SURVIVED = "survived"
REFUSED = "refused by mypy"


@dataclass(frozen=True)
class Result:
    """The outcome of a mutant; `by` is the test that failed, `tests` a digest of the tests that ran."""

    key: str
    outcome: str
    by: str
    tests: str


class Results:
    """The results of a part. A survivor is judged again when its tests changed, a killed mutant never."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._results = {result.key: result for result in _read(file)}

    def stored(self, key: str, tests: str) -> Result | None:
        """Return the result of a mutant if it still holds."""
        result = self._results.get(key)
        return result if result and (result.outcome != SURVIVED or result.tests == tests) else None

    def add(self, result: Result) -> None:
        """Store a result at once."""
        self._results[result.key] = result
        with self._file.open("a") as lines:
            lines.write(json.dumps(vars(result)) + "\n")


def _read(file: Path) -> Iterator[Result]:
    if file.is_file():
        yield from (Result(**json.loads(line)) for line in file.read_text().splitlines() if line.endswith("}"))
