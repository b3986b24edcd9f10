"""`nsgb emulator`: the ARM emulator alone, for trying clients, pipelines and the operator without Azure."""

import asyncio
import signal
from pathlib import Path

import click

from nsg_emulator.arm import ArmEmulator, Running, Settings, serve
from nsg_emulator.arm.settings import DEFAULT_SUBSCRIPTION
from nsg_emulator.arm.state import StateError, load_file, save_file


@click.command("emulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=0, show_default="any free port", type=click.IntRange(0, 65535), help="Port to listen on."
)
@click.option(
    "--tls/--http", default=True, show_default=True, help="https, or plain http (on a loopback address alone)."
)
@click.option(
    "--state", "state_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Start from FILE."
)
@click.option(
    "--save", "save_to", type=click.Path(dir_okay=False, path_type=Path), help="Write the state to FILE at exit."
)
@click.option("--subscription", default=DEFAULT_SUBSCRIPTION, show_default=True, help="A subscription that exists.")
@click.option("--ca-file", type=click.Path(dir_okay=False, path_type=Path), help="Write the CA's certificate to FILE.")
@click.option(
    "--operation-delay",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds that a write takes to end.",
)
def emulator(  # noqa: PLR0913 - click hands in one argument for each option
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

    FILE is JSON: a list of network security groups as ARM or `az rest` shows them, or what --save wrote.
    """
    if save_to is not None and not save_to.absolute().parent.is_dir():
        raise click.ClickException(f"--save: there is no folder {save_to.parent}")
    arm = ArmEmulator(settings=Settings(operation_delay=operation_delay), subscription=subscription)
    try:
        if state_file is not None:
            load_file(arm.store, state_file)
        asyncio.run(_serve(arm, tls=tls, host=host, port=port, ca_file=ca_file))
    except (StateError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if save_to is not None:
        arm.world.settle()
        save_file(arm.store, save_to)


async def _serve(arm: ArmEmulator, *, tls: bool, host: str, port: int, ca_file: Path | None) -> None:
    """Serve until a signal comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serve(arm, tls=tls, host=host, port=port, ca_file=ca_file) as running:
        click.echo(_greeting(running))
        await stop.wait()


def _greeting(running: Running) -> str:
    """One line: where it is, and how az comes to it."""
    trust = f"export REQUESTS_CA_BUNDLE={running.ca_file}; " if running.ca_file else ""
    steps = f"az cloud register -n Local --endpoint-resource-manager {running.url} && az cloud set -n Local"
    if not running.ca_file:
        steps = "az needs https; reach it with curl and a token of POST /_emulator/tokens"
    else:
        steps += " && az config set core.instance_discovery=false"
        steps += f" && az login --service-principal -u any -p any --tenant {running.emulator.settings.tenant}"
    return f"{running.url} serves Azure's NSG API. {trust}{steps}"
