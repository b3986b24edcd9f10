"""The mutants in equivalent.toml: nothing that the project promises differs, for the reason given there."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Equivalent:
    """A line of a function in `module` (a path below the package) and the mutated lines that change nothing."""

    module: str
    function: str
    line: str
    mutated: Sequence[str]
    reason: str

    def covers(self, module: str, function: str, before: str, after: str) -> bool:
        """Tell whether a mutant is in this entry."""
        return (module, function, before) == (self.module, self.function, self.line) and after in self.mutated


@dataclass(frozen=True)
class CaseOnly:
    """A module in which the case of texts has no meaning: mutants that change nothing else are equivalent."""

    module: str
    reason: str

    def covers(self, module: str, before: str, after: str) -> bool:
        """Tell whether a mutant is in this entry."""
        return module == self.module and before.lower() == after.lower()


@cache
def equivalents() -> list[Equivalent]:
    """Return the entries of equivalent.toml."""
    return [Equivalent(**entry) for entry in tomllib.loads(FILE.read_text()).get("equivalent", ())]


@cache
def case_only() -> list[CaseOnly]:
    """Return the modules of equivalent.toml in which the case of texts has no meaning."""
    return [CaseOnly(**entry) for entry in tomllib.loads(FILE.read_text()).get("case_only", ())]
