"""What of Apprise is refused: services that use the pod itself or raw sockets, and options that read files or URLs."""

from urllib.parse import parse_qsl

# The reason and the URL schemes, by the module of the plugin.
REFUSED: dict[str, tuple[str, str]] = {
    "amqp": ("it uses AMQP over raw sockets", "amqp amqps"),
    "aprs": ("it uses raw sockets", "aprs"),
    "blink1": ("it uses a USB device", "blink1"),
    "dbus": ("it uses the desktop's message bus", "dbus kde qt"),
    "glib": ("it uses the desktop's message bus", "gio glib"),
    "gnome": ("it uses the desktop", "gnome"),
    "growl": ("it uses raw sockets", "growl"),
    "irc": ("it uses IRC over raw sockets", "irc ircs"),
    "macosx": ("it starts a program", "macosx"),
    "mqtt": ("it uses MQTT over raw sockets and reads certificate files", "mqtt mqtts"),
    "nostr": ("it uses WebSocket over raw sockets", "nostr"),
    "rsyslog": ("it uses raw sockets", "rsyslog"),
    "smpp": ("it uses raw sockets", "smpp smpps"),
    "syslog": ("it uses the syslog of the pod", "syslog"),
    "windows": ("it uses the desktop", "windows"),
    "xmpp": ("it uses XMPP over raw sockets", "xmpp xmpps"),
}
REASONS = {scheme: reason for reason, schemes in REFUSED.values() for scheme in schemes.split()}
"""The reason for each refused scheme."""
FILE_OPTIONS = frozenset({"template", "keyfile", "subfile", "pgppub", "pgpprv", "pgpkey", "wkd"})
"""Options of a URL whose value is a file or a URL that Apprise reads. The guard of a child refuses such reads too."""


def file_options(url: str) -> list[str]:
    """Return the options of a URL that are refused, sorted."""
    _, _, query = url.partition("?")
    names = {name.strip().lower() for name, _ in parse_qsl(query.replace("?", "&"), keep_blank_values=True)}
    return sorted(names & FILE_OPTIONS)
