"""A commit says which part it changes and why: a later reader has nothing else."""

import subprocess
from pathlib import Path

import pytest

from tests.house.commits import MAX_SUBJECT, new_commits, problems

GOOD = "alerts: send criticals at once\n\nA digest delayed them by ten minutes.\n"


@pytest.mark.parametrize("subject", ["alerts: send", "core/ids, cli: equal ids", "tests/house: check", "ci: a step"])
def test_a_subject_with_a_part_and_a_body_is_accepted(subject: str) -> None:
    assert problems(f"{subject}\n\nWhy.\n") == []


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("Send criticals at once\n\nWhy.", "`part: what changed`"),
        ("Alerts: send\n\nWhy.", "`part: what changed`"),
        ("alerts:\n\nWhy.", "`part: what changed`"),
        ("alerts: send", "the body"),
        ("alerts: send\n\n \n", "the body"),
        (f"alerts: {'x' * MAX_SUBJECT}\n\nWhy.", f"the limit is {MAX_SUBJECT}"),
    ],
)
def test_a_message_without_part_or_reason_is_refused(message: str, problem: str) -> None:
    (text,) = problems(message)
    assert problem in text


def _commit(repository: Path, message: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(repository), *identity, "commit", "--quiet", "--allow-empty", "-m", message]
    subprocess.run(command, check=True)


def test_only_commits_beyond_the_base_are_checked(tmp_path: Path) -> None:
    # Old commits cannot be changed, so a check of all of them would never pass.
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", str(tmp_path)], check=True)
    _commit(tmp_path, "old")
    subprocess.run(["git", "-C", str(tmp_path), "branch", "base"], check=True)
    _commit(tmp_path, GOOD)
    _commit(tmp_path, "no part")
    assert [message.strip() for _, message in new_commits(tmp_path, "base")] == ["no part", GOOD.strip()]
    assert list(new_commits(tmp_path, "absent")) == []
