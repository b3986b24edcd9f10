"""The options that select live NSGs, shared by several commands."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from nsg_baseline.cli.failure import Failure, reject_options
from nsg_baseline.cli.sources import Live, read_live_files

F = TypeVar("F", bound=Callable[..., Any])

live_files_option = click.option(
    "--live",
    "live_files",
    metavar="FILE",
    multiple=True,
    help="Live NSGs: JSON from ARM or from az network nsg show/list; - for standard input; can be repeated.",
)


def live_options(command: F) -> Callable[..., Any]:
    """Add --live, --subscription and --resource-group to a command.

    The command receives the files as `live_files`, and a function that reads the NSGs as `read_live`. It calls the
    function after it has checked its other arguments, because a request to Azure takes seconds.
    """

    @live_files_option
    @click.option("--subscription", help="Without --live: read all NSGs of this subscription from Azure.")
    @click.option("--resource-group", help="With --subscription: only this resource group.")
    @wraps(command)
    def with_live(
        *args: Any, live_files: tuple[str, ...], subscription: str | None, resource_group: str | None, **kwargs: Any
    ) -> Any:
        if live_files:
            reject_options("with --live", subscription=subscription, resource_group=resource_group)

        def read_live() -> Live:
            return _read(live_files, subscription, resource_group)

        return command(*args, live_files=live_files, read_live=read_live, **kwargs)

    return with_live


def _read(live_files: tuple[str, ...], subscription: str | None, resource_group: str | None) -> Live:
    if live_files:
        live = read_live_files(live_files)
    elif subscription is None:
        raise Failure("--live FILE or --subscription ID is required")
    else:
        from nsg_baseline.cli.live_sources import azure_listing  # noqa: PLC0415 - slow to import, not needed for files

        live = azure_listing(subscription, resource_group)
    if not live.nsgs and live.extent != "Partial":
        raise Failure("the input contains no NSG")
    return live
