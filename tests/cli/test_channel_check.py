"""`nsgb notify --check`: every line of a file is explained, and neither a request nor a part of a URL gets out."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from nsg_baseline.cli.main import nsgb

SECRET = "c4n4ry"
LINES = f"""# the team's channels
https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{SECRET}

mailto://user:{SECRET}@example.com?to=a@example.com,b@example.com
ntfys://ntfy.example.com/{SECRET}
dbus://{SECRET}
https://chat.example.com/{SECRET}
jsons://user:{SECRET}@{SECRET}@example.com/
slack://{SECRET}
"""
EXPECTED = """\
line 2, Slack (slack): 1 channel, a specific form
line 4, E-Mail (mailto): 2 channels, a specific form
line 5, ntfy (ntfys): 1 channel, a plain form
line 6, error: is not one of the supported schemes: it uses the desktop's message bus
line 7, error: is not a URL that a supported service prints; write jsons://HOST/PATH for a webhook, or the form of \
your service, such as alertmanagers://, mmosts://, rockets:// or ntfys://
line 8, error: contains more than one @ before the host; write an @ in a user name or password as %40
line 9, error: slack URL; it is not accepted by Apprise; see the documentation of the service
"""


def test_each_line_is_explained_without_any_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text(LINES)
    done = CliRunner().invoke(nsgb, ["notify", "--check", str(file)])
    assert done.output == EXPECTED
    assert done.exit_code == 1


def test_usable_lines_end_with_zero_and_stdin_is_read() -> None:
    done = CliRunner().invoke(nsgb, ["notify", "--check", "-"], input="jsons://example.com/a\n")
    assert (done.output, done.exit_code) == ("line 1, JSON (jsons): 1 channel, a specific form\n", 0)


@pytest.mark.parametrize(
    ("options", "content", "problem"),
    [
        (["--check", "-"], b"# nothing\n", "contains no URL"),
        (["--check", "-"], b"\xff\xff", "not UTF-8"),
        # PowerShell writes UTF-16.
        (["--check", "-"], "nosuch://a\n".encode("utf-16"), "line 1, error"),
        (["--check", "/nowhere/urls"], b"", "/nowhere/urls: No such file"),
        (["--check", "-", "oncall"], b"", "no effect"),
        (["--check", "-", "-n", "a"], b"", "no effect"),
        ([], b"", "ROUTE"),
    ],
)
def test_what_cannot_be_checked_is_an_error(options: list[str], content: bytes, problem: str) -> None:
    done = CliRunner().invoke(nsgb, ["notify", *options], input=content)
    assert problem in done.output
    assert done.exit_code
