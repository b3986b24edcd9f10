"""The plugins of the supported services. Import it only in the sender: a plugin needs memory, and may read its URL."""

from importlib import import_module

from apprise import AppriseAsset, NotifyBase

from nsg_baseline.alerts.schemes import PLUGINS


def service(scheme: str, url: str) -> NotifyBase | None:
    """Return the plugin for a URL of a supported scheme, or for an https URL that the service prints.

    None if the plugin does not accept the URL.
    """
    module, name = PLUGINS[scheme]
    plugin = getattr(import_module(module), name)
    # Parses a URL like Apprise, without loading all plugins. A # in a path starts the name of a Slack channel.
    is_native = url.lower().startswith("https://")
    parsed = plugin.parse_native_url(url) if is_native else plugin.parse_url(url.replace("/#", "/%23"))
    if not parsed:
        return None
    try:
        instance: NotifyBase = plugin(**parsed, asset=AppriseAsset(http_redirects=False, storage_mode="memory"))
    except (TypeError, ValueError):
        # Apprise raises these for an incomplete URL. Their text may contain the URL.
        return None
    return instance
