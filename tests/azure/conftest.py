"""The ARM edge as in the operator's pod: https, a private CA, a federated token."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nsg_baseline.azure.clouds import CLOUDS, custom_cloud
from nsg_baseline.azure.services import ArmServices
from nsg_emulator.arm import ArmEmulator, Running, serve

CLIENT_ID = "22222222-2222-2222-2222-222222222222"


@pytest.fixture
async def azure(tmp_path: Path) -> AsyncIterator[Running]:
    async with serve(ArmEmulator(), ca_file=tmp_path / "ca.pem") as running:
        yield running


@pytest.fixture
async def arm(azure: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ArmServices]:
    (tmp_path / "token").write_text("CANARY.federated.token")
    monkeypatch.delenv("AZURE_CLIENT_SECRET", raising=False)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("AZURE_TENANT_ID", azure.emulator.settings.tenant)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("SSL_CERT_FILE", str(azure.ca_file))
    connected = ArmServices.connect(custom_cloud(CLOUDS["AzurePublic"], azure.url, azure.url))
    yield connected
    await connected.aclose()
