"""The command itself: sets the stage, tells the story, says what is left."""

import asyncio
import tempfile
import time
from pathlib import Path

import click

from nsg_baseline.cli.demo.environment import (
    OPERATOR_NAMESPACE,
    DemoEnvironment,
    OperatorEndedError,
    client_environment,
    demo_environment,
)
from nsg_baseline.cli.demo.scenario import ScenarioStep, outline


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running afterwards, for kubectl, until Ctrl-C.")
def demo(*, keep: bool) -> None:
    """The whole story on this machine, without Azure or a cluster.

    An ARM emulator holds recorded NSGs, an embedded Kubernetes API holds the baselines, and the real operator runs
    between them as its own process. It takes about a minute and leaves nothing behind.
    """
    with tempfile.TemporaryDirectory(prefix="nsgb-demo-") as folder:
        try:
            asyncio.run(_play(Path(folder), keep=keep))
        except (TimeoutError, OperatorEndedError, RuntimeError) as error:
            log = Path(folder, "operator.log")
            tail = log.read_text(errors="replace")[-3000:] if log.exists() else ""
            why = str(error) or "the operator did not say in time what it should have said"
            raise click.ClickException(f"{why}\n{tail}".rstrip()) from None


async def _play(folder: Path, *, keep: bool) -> None:
    began = time.monotonic()
    async with demo_environment(folder) as found:
        await ScenarioStep(found, click.echo).tell()
        click.echo(f"\nthe incidents, as kubectl get nsgincidents -A shows them:\n{outline(found)}")
        click.echo(f"\ndone in {time.monotonic() - began:.0f} s")
        if keep:
            await _keep(found)


async def _keep(found: DemoEnvironment) -> None:
    click.echo("\nstill running, until Ctrl-C; in another shell:")
    # nsgb asks Azure too: without these it would ask the real one.
    for name, value in client_environment(found.folder, found.azure, found.kubeconfig).items():
        click.echo(f"  export {name}={value}")
    click.echo("  kubectl get nsgbaselines,nsgincidents -A")
    click.echo(f"  nsgb incidents; nsgb plan; nsgb notify chat -n {OPERATOR_NAMESPACE} --local")
    process = found.process
    if process is not None:
        await process.wait()
