"""The https URLs that services print, by their host. Apprise's plugin of the service accepts them as they are. Pure."""

from urllib.parse import urlsplit

_HOSTS = {
    "46elks": "api.46elks.com",
    "discord": "discord.com discordapp.com",
    "firehydrant": "signals.firehydrant.com",
    "flock": "api.flock.com",
    "fluxer": "fluxer.app api.fluxer.app",
    "gchat": "chat.googleapis.com",
    "guilded": "guilded.gg media.guilded.gg",
    "ifttt": "maker.ifttt.com",
    "incidentio": "api.incident.io",
    "kook": "www.kookapp.cn",
    "lark": "open.larksuite.com",
    "lfg": "api.lfg.gm",
    "matrixs": "webhooks.t2bot.io",
    "notica": "notica.us",
    "notifico": "n.tkte.ch",
    "notifyapp": "push.getnotifyapp.com",
    "ntfys": "ntfy.sh",
    "pushplus": "pushplus.plus www.pushplus.plus",
    "qq": "qmsg.zendee.cn",
    "slack": "hooks.slack.com hooks.slack-gov.com",
    "spike": "api.spike.sh",
    "splunk": "alert.victorops.com",
    "spugpush": "push.spug.dev",
    "squadcast": "api.squadcast.com api.eu.squadcast.com",
    "stackfield": "stackfield.com www.stackfield.com",
    "wecombot": "qyapi.weixin.qq.com",
    "wpush": "api.wpush.cn",
    "youlmk": "youlmk.com www.youlmk.com",
    "zoom": "inbots.zoom.us",
}
_SCHEME_OF_HOST = {host: scheme for scheme, hosts in _HOSTS.items() for host in hosts.split()}
# Each customer has a host, or each cloud of Azure.
_SUFFIXES = {
    "ryver": ".ryver.com",
    "workflows": ".logic.azure.com .logic.azure.us .logic.azure.cn .powerplatform.com .powerplatform.microsoft.us "
    ".powerplatform.partner.microsoftonline.cn",
    "xmatters": ".xmatters.com",
    "cliq": "cliq.zoho.com cliq.zoho.eu cliq.zoho.in cliq.zoho.jp cliq.zoho.sa cliq.zohocloud.ca",
}
_SCHEME_OF_SUFFIX = {suffix: scheme for scheme, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
# What to write for the https URLs of services that Apprise does not accept as they are.
_ADVICE = {
    "webexapis.com": "write wxteams://TOKEN with the last part of the URL as the token",
    "api.ciscospark.com": "write wxteams://TOKEN with the last part of the URL as the token",
    "canary.discord.com": "write the host discord.com",
    "ptb.discord.com": "write the host discord.com",
    "events.pagerduty.com": "write pagerduty://INTEGRATIONKEY@APIKEY",
    "events.eu.pagerduty.com": "write pagerduty://INTEGRATIONKEY@APIKEY?region=eu",
    "api.opsgenie.com": "write opsgenie://APIKEY",
    "api.eu.opsgenie.com": "write opsgenie://APIKEY?region=eu",
    "open.feishu.cn": "write feishu://TOKEN",
    "oapi.dingtalk.com": "write dingtalk://TOKEN",
    "api.telegram.org": "write tgram://BOTTOKEN/CHATID",
}
_RETIRED = (".webhook.office.com", "outlook.office.com")
SAME_MEANING = frozenset({"ntfys", "ifttt"})
"""Services whose plugin requests another address than the printed one, with the same effect."""


def native_scheme(url: str) -> str:
    """Return the scheme of the service that printed an https URL; empty if no plugin accepts such URLs."""
    host = _host(url)
    suffixes = (scheme for suffix, scheme in _SCHEME_OF_SUFFIX.items() if host.endswith(suffix))
    return _SCHEME_OF_HOST.get(host) or next(suffixes, "")


def advice(url: str) -> str:
    """Return what to write instead of an http or https URL that no plugin accepts. It contains no part of the URL."""
    host = _host(url)
    if host.endswith(_RETIRED):
        return "is a connector of Office 365, which Microsoft has retired; create a workflow in Teams and write its URL"
    if host in _ADVICE:
        return f"is an https URL that has another form in Apprise; {_ADVICE[host]}"
    return (
        "is not a URL that a supported service prints; write jsons://HOST/PATH for a webhook, or the form of your"
        " service, such as alertmanagers://, mmosts://, rockets:// or ntfys://"
    )


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
