"""Fixtures of the emulator's own tests."""

import pytest

from tests.emulator.arm.direct import Azure
from tests.emulator.arm.direct import azure as make_azure


@pytest.fixture
def azure() -> Azure:
    """A fresh emulator with the resource group rg-web, asked without a socket."""
    return make_azure()
