"""Sample URLs of Apprise's own tests, each with a response that its plugin accepts (BSD 2-Clause, Chris Caron).

`python -m tests.support.apprise_samples FOLDER` writes them. The folder is the unpacked source distribution.
"""

import importlib.util
import inspect
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from nsg_baseline.alerts.apprise_services import SERVICES

FILE = Path(__file__).parents[1] / "data" / "apprise_samples.jsonl"
# The files of tests that are not named like the module of the plugin.
_FILES = {
    "home_assistant": "homeassistant",
    "kodi": "xbmc_kodi",
    "one_signal": "onesignal",
    "parseplatform": "parse_platform",
    "rocketchat": "rocket_chat",
    "signal_api": "signal",
    "smsmanager": "sms_manager",
    "techuluspush": "techululs_push",
    "webexteams": "webex_teams",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A URL, and the response that its service gives."""

    module: str
    url: str
    status: int
    content: str

    @property
    def scheme(self) -> str:
        return self.url.partition("://")[0].lower()


def samples() -> list[Sample]:
    """Return all samples."""
    return [Sample(*json.loads(line)) for line in FILE.read_text().splitlines()]


def _of_service(tests: Path, module: str) -> Iterator[Sample]:
    name, schemes, _ = SERVICES[module]
    plugin = getattr(import_module(f"apprise.plugins.{module}"), name)
    for url, expected in _entries(tests / f"test_plugin_{_FILES.get(module, module)}.py"):
        if url.partition("://")[0].lower() in schemes.split() and _is_accepted(expected, plugin, url):
            text = expected.get("requests_response_text") or ""
            content = text.decode("latin1") if isinstance(text, bytes) else text
            content = content if isinstance(content, str) else json.dumps(content)
            yield Sample(module, url, expected.get("requests_response_code", 200), content)


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    tests = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tests)
    for value in vars(tests).values():
        if isinstance(value, tuple | list) and all(
            isinstance(entry, tuple | list) and len(entry) == 2 for entry in value
        ):
            yield from (entry for entry in value if isinstance(entry[0], str))


def _is_accepted(expected: Any, plugin: Any, url: str) -> bool:
    if not isinstance(expected, dict) or not inspect.isclass(expected.get("instance")):
        return False
    try:
        plugin(**plugin.parse_url(url.replace("/#", "/%23")))
    except Exception:  # noqa: BLE001 - it needs a library that is not installed
        return False
    code = expected.get("requests_response_code", 200)
    is_delivered = expected.get("notify_response", expected.get("response", True))
    return (
        bool(is_delivered)
        and isinstance(code, int)
        and code < 300
        and not expected.get("test_requests_exceptions")
        and issubclass(expected["instance"], plugin)
    )


def main() -> None:
    """Write the samples."""
    tests = Path(sys.argv[1]) / "tests"
    sys.path.insert(0, str(tests))
    logging.disable(logging.CRITICAL)
    lines = [
        json.dumps([sample.module, sample.url, sample.status, sample.content])
        for module in sorted(SERVICES)
        for sample in _of_service(tests, module)
    ]
    FILE.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
