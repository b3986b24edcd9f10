"""`nsgb run`: the operator."""

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

    The operator is configured by environment variables: NSGB_NAMESPACE, NSGB_AZURE_CLOUD, NSGB_AZURE_ENDPOINT,
    NSGB_AZURE_AUTHORITY, NSGB_LOG_LEVEL, NSGB_LOG_FORMAT, NSGB_HEALTH_PORT, NSGB_ALERT_LOCAL_ADDRESSES,
    NSGB_ALERT_PRIVATE_NETWORKS, NSGB_CHANNEL_KEY, NSGB_ATTRIBUTION, NSGB_EVENTS_IDLE, NSGB_LEADER_ELECTION,
    NSGB_SERVICE_TAGS, NSGB_MANAGEMENT_PORTS, NSGB_MANAGEMENT_UDP_PORTS and NSGB_SEVERITY_LEVELS. It connects to the
    cluster through KUBECONFIG or the pod's ServiceAccount, and to Azure through AZURE_CLIENT_ID, AZURE_TENANT_ID, and
    AZURE_FEDERATED_TOKEN_FILE or AZURE_CLIENT_SECRET.
    """
    try:
        settings = from_environment()
    except SettingError as error:
        raise click.ClickException(str(error)) from None
    _set_up_logs(settings)
    try:
        asyncio.run(run_operator(settings))
    except ConfigException as error:
        raise Failure(f"the cluster cannot be reached: {error}; set KUBECONFIG or run in a pod") from None


def _set_up_logs(settings: Settings) -> None:
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer = structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # kopf and the Azure SDK use the logging module. Their messages below WARNING are only useful for debugging.
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
