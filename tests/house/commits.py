"""Checks the messages of the commits that are not on a base branch yet: `python -m tests.house.commits [BASE]`.

A subject has the form `part: what changed`, and a body says why. Without BASE the check compares with `origin/main`.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = "origin/main"
MAX_SUBJECT = 100
"""Characters. GitHub and `git log --oneline` cut longer subjects on common screens."""
_SUBJECT = re.compile(r"[a-z][\w./*{}-]*(, [a-z][\w./*{}-]*)*: \S.*")
_FIELD, _RECORD = "\x1f", "\x1e"


def problems(message: str) -> list[str]:
    """Return what is wrong with a commit message."""
    subject, _, body = message.strip().partition("\n")
    wrong = []
    if not _SUBJECT.fullmatch(subject):
        wrong.append("the subject must have the form `part: what changed`, such as `alerts: send criticals at once`")
    if len(subject) > MAX_SUBJECT:
        wrong.append(f"the subject has {len(subject)} characters; the limit is {MAX_SUBJECT}")
    if not body.strip():
        wrong.append("the body that says why is missing")
    return wrong


def new_commits(repository: Path, base: str) -> Iterator[tuple[str, str]]:
    """Yield short hash and message of each commit that is not on the base; none if the base is not there.

    Raises:
        subprocess.CalledProcessError: the folder is not a repository.
    """
    if _git(repository, "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}", check=False) == "":
        return
    output = _git(repository, "log", "--no-merges", f"--format=%h{_FIELD}%B{_RECORD}", f"{base}..HEAD")
    for record in filter(str.strip, output.split(_RECORD)):
        commit, _, message = record.strip().partition(_FIELD)
        yield commit, message


def _git(repository: Path, *arguments: str, check: bool = True) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check).stdout


def main(arguments: list[str]) -> int:
    """Print a line for each problem; return 1 if there is one."""
    base = arguments[0] if arguments else BASE
    lines = [f"{commit}: {problem}" for commit, text in new_commits(ROOT, base) for problem in problems(text)]
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
