"""The numbers of a part, and its survivors in the form of equivalent.toml."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tests.mutants.mutations import Mutant
from tests.mutants.parts import PACKAGE

LIMIT = 0.95


@dataclass(frozen=True)
class Report:
    """How many mutants a part has, and what became of them."""

    part: str
    mutants: int
    killed: int
    refused: int
    equivalent: int
    survivors: Sequence[Mutant]

    @property
    def score(self) -> float:
        """The share of killed mutants among those that a test could kill."""
        return self.killed / max(1, self.killed + len(self.survivors))

    @property
    def is_enough(self) -> bool:
        """Whether the tests kill enough."""
        return self.score >= LIMIT

    def row(self) -> str:
        """Return the line of the table."""
        counts = (self.mutants, self.killed, self.refused, self.equivalent, len(self.survivors))
        return row(self.part, *map(str, counts), f"{self.score:.1%}")

    def survivors_as_toml(self) -> str:
        """Return an entry for each line with survivors, with the reason left empty."""
        lines: dict[tuple[str, str, str], list[str]] = {}
        for mutant in self.survivors:
            place = (str(mutant.path.relative_to(PACKAGE)), mutant.function.name, mutant.before)
            lines.setdefault(place, []).append(mutant.after)
        return "".join(_entry(*place, mutated) for place, mutated in lines.items())


def _entry(module: str, function: str, line: str, mutated: Sequence[str]) -> str:
    texts = "".join(f"  {_quoted(text)},\n" for text in dict.fromkeys(mutated))
    names = f"module = {_quoted(module)}\nfunction = {_quoted(function)}\n"
    return f'[[equivalent]]\n{names}line = {_quoted(line)}\nmutated = [\n{texts}]\nreason = ""\n\n'


def _quoted(text: str) -> str:
    """Return a TOML string: literal if possible, since code is full of quotation marks."""
    return json.dumps(text, ensure_ascii=False) if "'" in text else f"'{text}'"


def row(part: str, *cells: str) -> str:
    """Return a line of the table."""
    return f"{part:24}" + "".join(f"{cell:>12}" for cell in cells)
