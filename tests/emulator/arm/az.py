"""The real `az` (azure-cli from its own pinned requirements), in a separate environment, kept between runs."""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nsg_emulator.arm import Running
from tests.cluster import cache

REQUIREMENTS = Path(__file__).parents[2] / "cluster" / "az-requirements.txt"


_PARSER = """
import json, sys
from azure.cli.core import get_default_cli
from knack.events import EVENT_INVOKER_POST_PARSE_ARGS

class Parsed(BaseException):
    pass

def stop(*_, **__):
    raise Parsed

for command in json.load(sys.stdin):
    cli = get_default_cli()
    cli.register_event(EVENT_INVOKER_POST_PARSE_ARGS, stop)
    try:
        status = cli.invoke(command)
    except Parsed:
        continue
    except SystemExit as exit:
        status = exit.code
    print(json.dumps([status, command]))
"""


class AzError(Exception):
    """az ended with an error; the text is what it said."""


class Az:
    """az, signed in to an emulator with its own configuration folder."""

    def __init__(self, running: Running, home: Path) -> None:
        """Register the emulator as a cloud and sign in as a service principal."""
        self._home = home
        self._ca = str(running.ca_file)
        self("cloud", "register", "-n", "Local", "--endpoint-resource-manager", running.url)
        self("cloud", "set", "-n", "Local")
        self("config", "set", "core.instance_discovery=false", "core.collect_telemetry=false")
        tenant = running.emulator.settings.tenant
        client = "22222222-2222-2222-2222-222222222222"
        self("login", "--service-principal", "-u", client, "-p", "any", "--tenant", tenant)

    def __call__(self, *arguments: str) -> Any:
        """Run one command; answers with its JSON, None when it prints nothing.

        Raises:
            AzError: az failed.
        """
        command = [str(_python()), "-m", "azure.cli", *arguments, "--output", "json"]
        done = subprocess.run(command, env=self._environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise AzError(done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def _environment(self) -> dict[str, str]:
        own_settings = {"AZURE_CONFIG_DIR": str(self._home), "REQUESTS_CA_BUNDLE": self._ca, "PYTHONWARNINGS": "ignore"}
        return {"PATH": os.environ["PATH"], "HOME": str(self._home), "AZURE_CORE_NO_COLOR": "true", **own_settings}


def _python() -> Path:
    """The environment's Python. It is found by its path alone: an environment that was moved keeps working so."""
    version = next(line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("azure-cli==")).split()[0]
    name = f"az-{version.removeprefix('azure-cli==')}-{cache.key(REQUIREMENTS.read_bytes(), sys.version)}"
    return cache.kept(name, _install) / "bin" / "python"


def _install(folder: Path) -> None:
    """About 700 MB and some minutes, with the pip settings of this machine."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--require-hashes", "--requirement", str(REQUIREMENTS)], check=True, stdout=sys.stderr)


def unparsed(commands: Sequence[Sequence[str]], home: Path) -> list[str]:
    """Return the commands that az's own parser refuses. No command runs, so no sign-in is needed."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AZURE_CONFIG_DIR": str(home),
        "PYTHONWARNINGS": "ignore",
    }
    program = [str(_python()), "-c", _PARSER]
    given = json.dumps([list(command) for command in commands])
    done = subprocess.run(program, input=given, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AzError(done.stderr)
    return [f"{line}: {done.stderr}" for line in done.stdout.splitlines()]
