"""The options that configure severities, shared by several commands."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import click

from nsg_baseline.cli.failure import Failure
from nsg_baseline.cli.text_files import read_json
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.severity_policy import SEVERITY_REASONS, severity_policy_of
from nsg_baseline.core.traffic.tags import TagTable, UnreadableTagsError, read_tags

F = TypeVar("F", bound=Callable[..., Any])


def severity_options(command: F) -> Callable[..., Any]:
    """Add the options to a command, which receives them as `severity_config`."""

    @click.option(
        "--service-tags", metavar="FILE", help="Microsoft's ServiceTags_Public JSON, to resolve service tags."
    )
    @click.option(
        "--management-ports",
        metavar="PORTS",
        help="Ports that are critical when open to the Internet, such as 22,3389.",
    )
    @click.option("--management-udp-ports", metavar="PORTS", help="The same for UDP only.")
    @click.option(
        "--severity",
        "levels",
        metavar="REASON=SEVERITY",
        multiple=True,
        help=f"Override the severity of a reason, such as InternetToWeb=low. Reasons: {', '.join(SEVERITY_REASONS)}.",
    )
    @wraps(command)
    def with_severity_config(
        *args: Any,
        service_tags: str | None,
        management_ports: str | None,
        management_udp_ports: str | None,
        levels: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        # A pipeline passes an empty value for an unset variable. This must not lower the severity of a change.
        ports, udp_ports = management_ports or None, management_udp_ports or None
        with _option_named("--management-ports"):
            severity_policy_of(ports, None, ())
        with _option_named("--management-udp-ports"):
            severity_policy_of(None, udp_ports, ())
        with _option_named("--severity"):
            policy = severity_policy_of(ports, udp_ports, levels)
        return command(*args, severity_config=SeverityConfig(policy, tag_table(service_tags)), **kwargs)

    return with_severity_config


@contextmanager
def _option_named(option: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise Failure(f"{option}: {error}") from None


def tag_table(file: str | None) -> TagTable | None:
    """Read a service tags file; None without a file.

    Raises:
        Failure: the file is not a service tags file.
    """
    if file is None:
        return None
    try:
        return read_tags(read_json(file))
    except UnreadableTagsError as error:
        raise Failure(f"{file}: {error}") from None
