"""Credentials for the Kubernetes API, shared by the operator's calls and kopf's watches."""

import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import kopf
import yaml
from kubernetes.aio import config
from kubernetes.aio.client.configuration import Configuration


async def configuration(kubeconfig: str | None = None, context: str | None = None) -> Configuration:
    """Return the configuration of the pod's ServiceAccount, or of a kubeconfig if one is given or there is no pod.

    Raises:
        ConfigException: neither exists, or the kubeconfig cannot be read.
    """
    try:
        return await _configuration(kubeconfig, context)
    except OSError as error:
        raise config.ConfigException(f"{error.filename or 'the kubeconfig'}: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        # The library raises these for a file that is not a kubeconfig.
        where = kubeconfig or os.environ.get("KUBECONFIG") or "the kubeconfig"
        raise config.ConfigException(f"{where} is not a valid kubeconfig ({type(error).__name__})") from None


async def _configuration(kubeconfig: str | None, context: str | None) -> Configuration:
    settings = Configuration()
    if kubeconfig is None and context is None:
        try:
            config.load_incluster_config(settings)
        except config.ConfigException:
            _check_exists(None)
            await config.load_kube_config(client_configuration=settings)
    else:
        _check_exists(kubeconfig)
        await config.load_kube_config(kubeconfig, context, client_configuration=settings)
    # With `trust_env`, aiohttp reads netrc and looks up the proxy in a thread at every request: 1.6 ms of CPU each.
    settings.client_session_kwargs = {"trust_env": False}
    settings.proxy = settings.proxy or environment_proxy(settings.host)
    return settings


def environment_proxy(url: str) -> str | None:
    """Return the proxy that the environment configures for a URL (`HTTPS_PROXY`, `NO_PROXY`); None for none."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _check_exists(kubeconfig: str | None) -> None:
    """Check that there is a kubeconfig: for a missing file, the library reports that a key is missing.

    Raises:
        ConfigException: no file exists.
    """
    paths = (kubeconfig or os.environ.get("KUBECONFIG") or config.KUBE_CONFIG_DEFAULT_LOCATION).split(os.pathsep)
    if not any(Path(path).expanduser().exists() for path in paths):
        raise config.ConfigException(f"no kubeconfig at {', '.join(paths)}")


async def connection_info(kubeconfig: str | None = None, context: str | None = None) -> kopf.ConnectionInfo:
    """Return the same configuration in kopf's form. kopf calls this again if the API server refuses the credentials."""
    settings = await configuration(kubeconfig, context)
    header = await settings.get_api_key_with_prefix("BearerToken") or ""
    scheme, _, token = header.rpartition(" ")
    return kopf.ConnectionInfo(
        server=settings.host,
        ca_path=settings.ssl_ca_cert,
        ca_data=settings.ca_cert_data,
        insecure=not settings.verify_ssl,
        username=settings.username or None,
        password=settings.password or None,
        scheme=scheme or None,
        token=token or None,
        certificate_path=settings.cert_file,
        private_key_path=settings.key_file,
        proxy_url=settings.proxy,
    )
