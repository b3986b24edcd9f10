"""The commands of a page of the documentation, with the arguments that a shell gives them."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("az", "kubectl", "nsgb")
OUTPUT = "33333333-3333-3333-3333-333333333333"
"""What each command prints, for `NAME=$(command)`."""
_RECORDER = f"""#!{sys.executable}
import json, pathlib, sys
with open({{log!r}}, "a") as log:
    log.write(json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
print({OUTPUT!r})
"""


@dataclass(frozen=True, slots=True)
class PageCommands:
    """The commands in the order of the page, each with the name of its program; the folder has the files they need."""

    commands: tuple[tuple[str, ...], ...]
    folder: Path

    def of(self, program: str) -> list[tuple[str, ...]]:
        """Return the arguments of the commands of a program."""
        return [command[1:] for command in self.commands if command[0] == program]


def blocks(page: Path, language: str) -> list[str]:
    """Return the contents of a page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def page_commands(page: Path, folder: Path) -> PageCommands:
    """Run the bash blocks of a page in a folder. The programs only record their arguments.

    Raises:
        CalledProcessError: bash refused a line.
    """
    (programs := folder / "programs").mkdir()
    log = folder / "commands.jsonl"
    for name in PROGRAMS:
        (programs / name).write_text(_RECORDER.format(log=str(log)))
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder)}
    script = "\n".join(["set -euo pipefail", *blocks(page, "bash")])
    subprocess.run(["bash", "-c", script], cwd=folder, env=environment, check=True, capture_output=True, timeout=120)
    return PageCommands(tuple(tuple(json.loads(line)) for line in log.read_text().splitlines()), folder)
