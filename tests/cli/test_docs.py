"""The examples in docs/cli.md: what the page shows is what nsgb prints."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import click
import pytest
import yaml

from nsg_baseline.alerts.channels import parse_channels
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import read
from nsg_baseline.cli.main import COMMANDS, nsgb

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text()
IN_ORDER, DIFFERENT = 0, 2


def blocks(language: str) -> list[str]:
    """Return the contents of the page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_console_examples_print_what_the_page_shows(tmp_path: Path) -> None:
    # Readers paste these commands in this order, so they run in one folder.
    (tmp_path / "nsgs.json").write_text(blocks("json file=nsgs.json")[0])
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    commands = [example for block in blocks("console") for example in block.split("$ ")[1:]]
    assert commands
    for example in commands:
        command, _, expected = example.partition("\n")
        shown = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert (shown.stdout, shown.stderr) == (expected.rstrip("\n") + "\n" if expected.strip() else "", ""), command
        assert shown.returncode == (DIFFERENT if "nsgb diff" in command else IN_ORDER), command


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_listed(command: str) -> None:
    # The page is the reference of the command line.
    assert f"`nsgb {command}`" in PAGE


def test_the_manifests_in_the_readme_are_valid() -> None:
    # Newcomers paste them before they know the kinds.
    readme = (ROOT / "README.md").read_text()
    (text,) = re.findall(r"^ *```yaml\n(.*?)^ *```$", readme, re.DOTALL | re.MULTILINE)
    manifests = {document["kind"]: document for document in yaml.safe_load_all(textwrap.dedent(text))}
    scope = read(NSGScope, manifests["NSGScope"])
    route = read(NSGAlertRoute, manifests["NSGAlertRoute"])
    secret = manifests["Secret"]
    assert scope.spec.allowed_namespaces is not None
    assert route.spec.urls_from is not None
    assert (route.spec.urls_from.name, route.metadata.namespace) == tuple(secret["metadata"].values())
    channels, invalid = parse_channels(secret["stringData"][route.spec.urls_from.key])
    assert (len(channels), invalid) == (1, [])


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))])
def test_every_command_and_option_in_the_documentation_exists(page: str) -> None:
    # A renamed option stays behind in prose more easily than in code.
    for line in re.findall(r"nsgb [a-z]+[^`\n|>]*", (ROOT / page).read_text()):
        name, *words = line.removeprefix("nsgb ").split("#")[0].split(";")[0].split()
        if name not in COMMANDS:
            continue
        command = nsgb.get_command(click.Context(nsgb), name)
        assert command is not None
        if isinstance(command, click.Group) and words:
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
        assert {
            word.rstrip(".,:)") for word in words if re.fullmatch(r"-{1,2}[a-zA-Z][\w-]*[.,:)]*", word)
        } <= options, line
