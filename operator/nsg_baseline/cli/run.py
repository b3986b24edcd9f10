"""`nsgb run`: the operator itself."""

import asyncio
import logging
import sys

import click
import structlog
from kubernetes.aio.config import ConfigException

from nsg_baseline.cli.failure import Failure
from nsg_baseline.engine.run import run as run_operator
from nsg_baseline.engine.settings import SettingError, Settings, from_environment


@click.command()
def run() -> None:
    """Run the operator.

    It is set by its environment: NSGB_NAMESPACE, NSGB_AZURE_CLOUD, NSGB_AZURE_ENDPOINT, NSGB_AZURE_AUTHORITY,
    NSGB_LOG_LEVEL, NSGB_LOG_FORMAT, NSGB_HEALTH_PORT, NSGB_ALERT_LOCAL_ADDRESSES, NSGB_ATTRIBUTION,
    NSGB_LEADER_ELECTION, NSGB_SERVICE_TAGS, NSGB_MANAGEMENT_PORTS, NSGB_MANAGEMENT_UDP_PORTS, NSGB_SEVERITY_LEVELS;
    KUBECONFIG or the pod's ServiceAccount; and the variables of Azure's SDKs (AZURE_CLIENT_ID, AZURE_TENANT_ID, and
    AZURE_FEDERATED_TOKEN_FILE or AZURE_CLIENT_SECRET).
    """
    try:
        chosen = from_environment()
    except SettingError as error:
        raise click.ClickException(str(error)) from None
    _set_up_logs(chosen)
    try:
        asyncio.run(run_operator(chosen))
    except ConfigException as error:
        raise Failure(f"the cluster cannot be reached: {error}; set KUBECONFIG, or run in a pod") from None


def _set_up_logs(chosen: Settings) -> None:
    level = logging.getLevelNamesMapping()[chosen.log_level.upper()]
    shown = structlog.processors.JSONRenderer() if chosen.log_format == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # kopf and the SDKs say through logging what concerns them; below a warning it is noise here.
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
