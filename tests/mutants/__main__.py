"""Mutation tests: `python -m tests.mutants [PARTS]` prints a table, and survivors as entries for equivalent.toml."""

import sys
from collections.abc import Sequence

from tests.mutants.parts import PARTS
from tests.mutants.report import Report, row
from tests.mutants.runner import run
from tests.mutants.workspace import workspace


def main(names: Sequence[str]) -> int:
    """Run parts, all if none is named; return 1 if a part is below the limit, 2 for an unknown part."""
    if unknown := set(names) - set(PARTS):
        print(f"no such part: {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    reports: list[Report] = []
    with workspace() as base:
        for name in names or PARTS:
            reports.append(run(base, name, PARTS[name]))
            print(reports[-1].survivors_as_toml(), end="", flush=True)
    print(row("part", "mutants", "killed", "refused", "equivalent", "survivors", "score"))
    print("\n".join(report.row() for report in reports))
    return int(not all(report.is_enough for report in reports))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
