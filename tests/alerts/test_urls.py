"""Lines of a Secret: https URLs as services print them, and lines that would send nothing, or to another place."""

import subprocess
import sys

import pytest

from nsg_baseline.alerts.native_urls import native_scheme
from nsg_baseline.alerts.resolving import resolve_channels
from nsg_baseline.alerts.schemes import SCHEMES
from nsg_baseline.alerts.urls import parse_lines

TOKEN = "a" * 68
FLOW = "triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=AbCdEf"
TEAMS = "https://default123.45.environment.api.powerplatform.com"
PRINTED = {
    "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ": "slack",
    "https://hooks.slack.com/triggers/T1JJ3T3L2/123/abc": "slack",
    f"https://discord.com/api/webhooks/123456789012345678/{TOKEN}": "discord",
    f"https://discordapp.com/api/webhooks/123456789012345678/{TOKEN}": "discord",
    f"https://prod-12.westeurope.logic.azure.com:443/workflows/a1b2c3d4/{FLOW}": "workflows",
    f"{TEAMS}:443/powerautomate/automations/direct/workflows/a1b2c3/{FLOW}": "workflows",
    f"{TEAMS}/powerautomate/automations/direct/cu/03/workflows/a1b2c3/{FLOW}": "workflows",
    "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=abc&token=def": "gchat",
    "https://alert.victorops.com/integrations/generic/20131114/alert/abcabcab-1234/route": "splunk",
    "https://api.incident.io/v2/alert_events/http/01HABC?token=abc": "incidentio",
    "https://ntfy.sh/topic": "ntfys",
}
# A line, and what the refusal says.
REFUSED = {
    f"https://discord.com/api/webhooks/123456789012345678/{TOKEN}?thread_id=5": "own form",
    f"https://webexapis.com/v1/webhooks/incoming/{TOKEN}": "wxteams://",
    "https://acme.webhook.office.com/webhookb2/x/IncomingWebhook/y/z": "retired",
    "https://chat.example.com/hooks/abc": "jsons://",
    "http://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ": "write https",
    "json://a.example.com json://b.example.com": "one URL on each line",
    "json://a.example.com,json://b.example.com": "one URL on each line",
    "json://a.example.com/a b": "%20",
    "json://a.example.com/\u202eb": "invisible",
    "jsons://user:p@ss@example.com/": "%40",
    "jsons://example.com/?verify=no": "certificates are always verified",
    "jsons://example.com/?a=1&VERIFY=0": "certificates are always verified",
    "jsons://example.com/?a=1?verify=off": "certificates are always verified",
    f"twilio://AC{'a' * 32}:{'b' * 32}@15551112222/abc": "recipient",
    f"twilio://AC{'a' * 32}:{'b' * 32}@15551112222": "recipient",
    "mailto://u:p@example.com?to=,": "recipient",
    "mailto://u:p@example.com?to=a@example.com,bad": "invalid recipient",
    "mailto://u:p@example.com?to=a@example.com;b@example.com": "commas",
    "sns://AHIAJGNT76XIMXDBIJYA/bu1dHSdO22pfaaVy/wmNsdljF4C07D3bndi9PQJ9/us-east-2/": "recipient",
}


async def test_an_https_url_that_a_service_prints_is_a_channel_of_this_service() -> None:
    channels, errors = await resolve_channels("\n".join(PRINTED))
    assert errors == []
    assert [channel.scheme for channel in channels] == list(PRINTED.values())


LACK = """
from nsg_baseline.alerts.sender import description
from nsg_baseline.alerts.sender.protocol import Describe

def fail(*_):
    raise {}

description.service = fail
try:
    print([entry.problem for entry in description.describe(Describe((("json", "json://a"),)))])
except (MemoryError, OSError):
    print("no description")
"""


@pytest.mark.parametrize(("error", "expected"), [("MemoryError", "no description"), ("TypeError", "['invalid']")])
def test_a_lack_of_memory_does_not_make_a_url_invalid(error: str, expected: str) -> None:
    # Descriptions are remembered: the channel would be refused until a restart.
    done = subprocess.run([sys.executable, "-c", LACK.format(error)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


async def test_useless_lines_are_refused_with_advice_and_the_others_remain() -> None:
    good = "jsons://example.com/a"
    channels, errors = await resolve_channels("\n".join([*REFUSED, good]))
    assert [channel.line for channel in channels] == [len(REFUSED) + 1]
    assert [error.line for error in errors] == list(range(1, len(REFUSED) + 1))
    for error, (url, word) in zip(errors, REFUSED.items(), strict=True):
        assert word in error.problem, url
        assert TOKEN not in error.problem


def test_a_url_in_an_option_and_a_recipient_with_an_at_are_no_second_url() -> None:
    for url in (
        "mmosts://chat.example.com/3ccdd113474722377935511fc85d3dd4?icon_url=https://example.com/a.png",
        "opsgenie://apikey/@user",
        "mailto://user:password@example.com?to=a@example.com,b@example.com",
    ):
        assert parse_lines(url)[1] == []


def test_every_printed_host_belongs_to_a_supported_service() -> None:
    assert {native_scheme(url) for url in PRINTED} <= SCHEMES
    # A host that only ends like one of a service is another host.
    for host in ("evilhooks.slack.com.example.com", "evildiscord.com", "logic.azure.com.example.com", "[::1", ""):
        assert native_scheme(f"https://{host}/workflows/a") == ""
