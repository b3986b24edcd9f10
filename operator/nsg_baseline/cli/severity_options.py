"""Options by which changes are weighed, the same for every command that weighs."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.sources import read_text
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.severity_policy import GROUNDS, severity_policy_of
from nsg_baseline.core.traffic.tags import TagTable, UnreadableTagsError, read_tags

F = TypeVar("F", bound=Callable[..., Any])


def severity_options(command: F) -> Callable[..., Any]:
    """Give a command the options, and one argument `yardstick`."""

    @click.option(
        "--service-tags", metavar="FILE", help="Microsoft's ServiceTags_Public JSON, to know tags' addresses."
    )
    @click.option("--management-ports", metavar="PORTS", help="What weighs most when open to the Internet, as 22,3389.")
    @click.option("--management-udp-ports", metavar="PORTS", help="The same by UDP alone.")
    @click.option(
        "--severity",
        "levels",
        metavar="GROUND=LEVEL",
        multiple=True,
        help=f"Weigh a ground otherwise, as InternetToWeb=low. Grounds: {', '.join(GROUNDS)}.",
    )
    @wraps(command)
    def with_yardstick(
        *args: Any,
        service_tags: str | None,
        management_ports: str | None,
        management_udp_ports: str | None,
        levels: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        try:
            # Empty is what a pipeline passes whose variable is not set; it must not make a critical change a high one.
            weights = severity_policy_of(management_ports or None, management_udp_ports or None, levels)
        except ValueError as error:
            raise Failure(f"--management-ports, --management-udp-ports or --severity: {error}") from None
        return command(*args, yardstick=SeverityConfig(weights, tag_table(service_tags)), **kwargs)

    return with_yardstick


def tag_table(file: str | None) -> TagTable | None:
    """Read a service tags file; None for none.

    Raises:
        Failure: it is none.
    """
    if file is None:
        return None
    try:
        return read_tags(json.loads(read_text(file)))
    except json.JSONDecodeError as error:
        raise Failure(f"{file}:{error.lineno}: is not JSON: {error.msg}") from None
    except UnreadableTagsError as error:
        raise Failure(f"{file}: {error}") from None
