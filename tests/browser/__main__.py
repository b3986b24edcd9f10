"""`make test-browser`: run the tests in Chromium, or say why they did not run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.browser.chromium import find_chromium

_INSTALL = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium")
_LIMIT_SECONDS = 600


def main() -> int:
    """Return the status of the tests; 0 if there is no Chromium."""
    if find_chromium() is None and (reason := _install()):
        sys.stderr.write(f"The browser tests did NOT run: no Chromium ({reason}).\n")
        return 0
    command = [sys.executable, "-m", "pytest", "-m", "browser", str(Path(__file__).parent)]
    return subprocess.run(command, check=False).returncode


def _install() -> str:
    """Install Debian's Chromium in CI, and return why not. The machine of a person is theirs."""
    if not os.environ.get("CI"):
        return "install the package chromium, or set NSGB_CHROMIUM to a program"
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return "apt-get or its permissions are missing"
    try:
        for command in (("apt-get", "update", "--quiet"), _INSTALL):
            done = subprocess.run(command, stdout=sys.stderr, check=False, timeout=_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"apt-get took longer than {_LIMIT_SECONDS} s"
    return "" if find_chromium() is not None else f"apt-get ended with status {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
