"""The `nsgb demo` command: start the environment, run the scenario, print the incidents."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nsg_baseline.cli.demo.extra import require_emulator

if TYPE_CHECKING:
    from nsg_baseline.cli.demo.environment import DemoEnvironment

_LOG_CHARACTERS = 3000
_CLEANUP_SECONDS = 20.0
"""How long the operator and the emulators may take to stop after an interrupt."""


@click.command()
@click.option("--keep", is_flag=True, help="Keep everything running afterwards, for kubectl and nsgb, until Ctrl-C.")
def demo(*, keep: bool) -> None:
    """Run the operator against emulators of Azure and Kubernetes on this machine.

    The demo starts an ARM emulator with recorded NSGs, an embedded Kubernetes API with a baseline for each NSG, and
    the operator as a separate process. It then makes unapproved changes and prints the alerts. It takes about a
    minute and leaves no files or processes behind.
    """
    require_emulator()
    # environment imports the emulator, and the wheel does not contain it.
    from nsg_baseline.cli.demo.environment import OperatorEndedError  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="nsgb-demo-") as folder:
        try:
            interrupted = asyncio.run(_until_interrupted(_play(Path(folder), keep=keep)))
        except (TimeoutError, OperatorEndedError, RuntimeError) as error:
            log = Path(folder, "operator.log")
            tail = log.read_text(errors="replace")[-_LOG_CHARACTERS:] if log.exists() else ""
            reason = str(error) or "timed out waiting for the operator"
            raise click.ClickException(f"{reason}\n{tail}".rstrip()) from None
    if interrupted:
        raise KeyboardInterrupt


async def _until_interrupted(work: Coroutine[Any, Any, None]) -> bool:
    """Run work until it ends or SIGINT is received; return whether it was interrupted.

    asyncio cancels its main task once. If a library swallows that cancellation, the demo would continue, so it is
    cancelled again after some time.
    """
    task, loop = asyncio.ensure_future(work), asyncio.get_running_loop()
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        if task.cancel():
            loop.call_later(_CLEANUP_SECONDS, interrupt)

    loop.add_signal_handler(signal.SIGINT, interrupt)
    await asyncio.wait([task])
    if not (interrupted and task.cancelled()):
        task.result()
    return interrupted


async def _play(folder: Path, *, keep: bool) -> None:
    from nsg_baseline.cli.demo.environment import demo_environment  # noqa: PLC0415 - see demo()
    from nsg_baseline.cli.demo.scenario import Scenario, outline  # noqa: PLC0415 - see demo()

    started = time.monotonic()
    async with demo_environment(folder) as environment:
        await Scenario(environment, click.echo).play()
        click.echo(f"\nThe NSGIncidents in the cluster:\n{outline(environment)}")
        click.echo(f"\nDone in {time.monotonic() - started:.0f} s")
        if keep:
            await _keep(environment)
        else:
            click.echo("`nsgb demo --keep` keeps everything running, for kubectl and nsgb.")


async def _keep(environment: "DemoEnvironment") -> None:
    from nsg_baseline.cli.demo.environment import OPERATOR_NAMESPACE, client_environment  # noqa: PLC0415 - see demo()

    click.echo("\nThe demo keeps running until Ctrl-C. In another shell:")
    # Without these variables nsgb connects to the real Azure.
    variables = client_environment(environment.folder, environment.azure, environment.kubeconfig)
    for name, value in variables.items():
        click.echo(f"  export {name}={value}")
    click.echo("  kubectl get nsgbaselines,nsgincidents -A")
    click.echo(f"  nsgb incidents; nsgb plan; nsgb notify chat -n {OPERATOR_NAMESPACE} --local")
    process = environment.process
    if process is not None:
        await process.wait()
