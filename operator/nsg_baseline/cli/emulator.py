"""`nsgb emulator`: serve the ARM emulator, to try clients, pipelines and the operator without Azure."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nsg_baseline.cli.demo.extra import require_emulator
from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.text_files import check_writable

if TYPE_CHECKING:
    from nsg_emulator.arm import ArmEmulator, Running

_PORT = click.IntRange(0, 65535)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("emulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default="any free port", type=_PORT, help="Port to listen on.")
@click.option(
    "--tls/--http", default=True, show_default=True, help="Serve HTTPS, or plain HTTP (only on a loopback address)."
)
@click.option(
    "--state",
    "state_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Load the initial NSGs from FILE.",
)
@click.option("--save", "save_to", type=_FILE, help="Write the final state to FILE on exit.")
@click.option(
    "--subscription",
    default="11111111-1111-1111-1111-111111111111",
    show_default=True,
    help="Id of the subscription to emulate.",
)
@click.option("--ca-file", type=_FILE, help="Write the certificate of the emulator's CA to FILE.")
@click.option(
    "--operation-delay",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Duration of each write operation, in seconds.",
)
def emulator(  # noqa: PLR0913 - click passes one argument for each option
    *,
    host: str,
    port: int,
    tls: bool,
    state_file: Path | None,
    save_to: Path | None,
    subscription: str,
    ca_file: Path | None,
    operation_delay: float,
) -> None:
    """Serve Azure's NSG API on this machine until Ctrl-C.

    FILE is JSON: a list of network security groups as returned by ARM or `az rest`, or a file written by --save.
    """
    require_emulator()
    # The wheel does not contain the emulator, so `nsgb emulator --help` must work without it.
    from nsg_emulator.arm import ArmEmulator, Settings  # noqa: PLC0415
    from nsg_emulator.arm.state import StateError, load_file, save_file  # noqa: PLC0415

    if save_to is not None:
        check_writable("--save", save_to)
    arm = ArmEmulator(settings=Settings(operation_delay=operation_delay), subscription=subscription)
    try:
        if state_file is not None:
            load_file(arm.store, state_file)
        asyncio.run(_serve(arm, tls=tls, host=host, port=port, ca_file=ca_file))
    except StateError as error:
        raise Failure(f"--state: {error}") from error
    except ValueError as error:
        raise Failure(str(error)) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else f"--host {host}, --port {port}: cannot listen: "
        raise Failure(f"{place}{error.strerror or error}") from error
    if save_to is not None:
        arm.azure.settle()
        save_file(arm.store, save_to)


async def _serve(arm: "ArmEmulator", *, tls: bool, host: str, port: int, ca_file: Path | None) -> None:
    """Serve until SIGINT or SIGTERM."""
    from nsg_emulator.arm import serve  # noqa: PLC0415 - see emulator()

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serve(arm, tls=tls, host=host, port=port, ca_file=ca_file) as running:
        click.echo(_greeting(running))
        await stop.wait()


def _greeting(running: "Running") -> str:
    """Return the address, and the commands that connect az to it."""
    address = f"{running.url} serves Azure's NSG API until Ctrl-C."
    if not running.ca_file:
        return f"{address} az needs HTTPS; use curl with a token from POST /_emulator/tokens"
    steps = (
        f"export REQUESTS_CA_BUNDLE={running.ca_file}",
        f"az cloud register -n Local --endpoint-resource-manager {running.url}",
        "az cloud set -n Local",
        "az config set core.instance_discovery=false",
        f"az login --service-principal -u any -p any --tenant {running.emulator.settings.tenant}",
    )
    return "\n  ".join((f"{address} To connect az to it, in another shell:", *steps))
