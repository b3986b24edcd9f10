"""The survivors that mypy refuses: they cannot reach the main branch, so no test has to see them."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.mutations import Mutant
from tests.mutants.workspace import environment


def refused(base: Path, path: Path, survivors: Sequence[Mutant]) -> set[str]:
    """Return the keys of the mutants of one file that mypy refuses.

    Each mutant is checked as a module beside the original, all in one run of mypy. The original is checked in the same
    way: if mypy refuses the copy, its judgement says nothing, and no mutant counts as refused.
    """
    tree = base / "tree"
    folder = (tree / path).parent
    original = folder / "mutant_original.py"
    files = {folder / f"mutant_{mutant.key}.py": mutant for mutant in survivors}
    try:
        original.write_text((tree / path).read_text())
        for file, mutant in files.items():
            file.write_text(mutant.source)
        errors = _errors(base, [original, *files])
    finally:
        for file in (original, *files):
            file.unlink(missing_ok=True)
    return set() if original.name in errors else {mutant.key for file, mutant in files.items() if file.name in errors}


def _errors(base: Path, files: Sequence[Path]) -> set[str]:
    """Return the names of the files with errors."""
    tree = base / "tree"
    command = (sys.executable, "-m", "mypy", "--no-error-summary", "--cache-dir", str(base / "mypy"), *map(str, files))
    run = subprocess.run(command, cwd=tree, env=environment(tree), check=False, capture_output=True, text=True)
    if run.returncode not in {0, 1}:
        raise RuntimeError(f"mypy failed: {run.stdout[-1000:]}{run.stderr[-1000:]}")
    return {Path(line.partition(":")[0]).name for line in run.stdout.splitlines() if ": error:" in line}
