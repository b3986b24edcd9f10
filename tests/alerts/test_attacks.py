"""URLs of a hostile Secret, through the real sender: nothing reaches an address or leaves a file that it must not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nsg_baseline.alerts.sender.addresses import is_internal_name, refusal
from nsg_baseline.alerts.sender.client import Sender
from nsg_baseline.alerts.sender.responses import MAX_PAUSE, pause
from tests.support.sends import Listener, deliver, listening, send_to

SECRET = "c4n4ry"
# Hosts by name, number and every notation that some parser takes for an address of this machine or of metadata.
OWN_HOSTS = (
    *("127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0.0.0.0", "127.8.8.8"),
    *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::1]"),
    *("169.254.169.254", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "168.63.129.16", "100.100.100.200"),
    *("[2001:0:4136:e378:8000:63bf:5601:5601]", "[fd00:ec2::254]", "[fe80::1]"),
)
PRIVATE_HOSTS = ("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "[fd00::1]", "[64:ff9b::a00:1]")
SERVICES = (
    *("json://{}/a", "jsons://{}/a", "xml://{}/a", "form://{}/a", "workflow://{}/id/signature"),
    *("mailto://user:password@{}?from=a@example.com&to=b@example.com&mode=insecure", "servicenow://u:p@{}?secure=no"),
    "zendesk://u:p@{}?secure=no",
)


@pytest.fixture(scope="module")
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("host", OWN_HOSTS[:2])
async def test_no_service_reaches_this_machine(sender: Sender, listener: Listener, service: str, host: str) -> None:
    answer = await deliver(sender, send_to(service.format(f"{host}:{listener.port}")), "a")
    assert answer.failure == "own"
    assert listener.requests == []


@pytest.mark.parametrize("host", [*OWN_HOSTS, *PRIVATE_HOSTS])
async def test_no_notation_of_an_address_passes(sender: Sender, listener: Listener, host: str) -> None:
    # Apprise's parser rejects some notations. For the others, the address that the kernel gets counts.
    answer = await deliver(sender, send_to(f"json://{host}:{listener.port}/a"), "a")
    assert answer.failure in ("own", "private", "invalid", "failed")
    assert answer.failure != "failed" or host in ("127.1", "0177.0.0.1")
    assert listener.requests == []


@pytest.mark.parametrize("options", ["", "?redirect=yes"])
async def test_a_redirect_is_not_followed(sender: Sender, listener: Listener, options: str) -> None:
    # It leads to an address that this send may use, so that only the redirect itself is judged.
    async with listening() as target:
        listener.redirect = f"http://127.0.0.1:{target.port}/elsewhere"
        send = send_to(f"json://127.0.0.1:{listener.port}/a{options}", local=True)
        assert (await deliver(sender, send, "a")).failure == "failed"
        assert len(listener.requests) == 1
        assert target.requests == []


@pytest.mark.parametrize("prefix", ["", "file://"])
@pytest.mark.parametrize(
    "service",
    [
        "workflow://127.0.0.1:{}/id/signature?template={}",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template={1}",
    ],
)
async def test_no_option_sends_a_file(
    sender: Sender, listener: Listener, tmp_path: Path, service: str, prefix: str
) -> None:
    # A template is read and sent as it is. The operator's token would be one.
    file = tmp_path / "template.json"
    card = {"contentType": "application/vnd.microsoft.card.adaptive", "content": {"text": SECRET}}
    file.write_text(json.dumps({"type": "message", "attachments": [card]}))
    send = send_to(service.format(listener.port, f"{prefix}{file}"), local=True)
    assert (await deliver(sender, send, "a")).failure
    assert SECRET not in "".join(listener.requests)


@pytest.mark.parametrize(
    "url",
    [
        *(f"json://{host}/a" for host in ("169.254.169.254", "127.0.0.1", "10.0.0.1", "[64:ff9b::a9fe:a9fe]")),
        *("jsons://169.254.169.254/a", "json://kubernetes.default.svc/a", "json://relay/a"),
        "workflow://8.8.8.8/id/signature?template=http://169.254.169.254/metadata/identity/oauth2/token",
        "workflow://8.8.8.8/id/signature?template=http://127.0.0.1/token",
    ],
)
async def test_a_proxy_receives_no_request_for_a_forbidden_address(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    # The operator's connection ends at the proxy, so the target is checked before the request.
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    monkeypatch.setenv("no_proxy", "")
    sender = Sender()
    assert (await deliver(sender, send_to("json://8.8.8.8/control"), "a")).failure == ""
    assert [request.split()[1] for request in listener.requests] == ["http://8.8.8.8/control"]
    listener.requests.clear()
    assert (await deliver(sender, send_to(url), "a")).failure
    assert not any(word in request for request in listener.requests for word in ("169.254", "127.0.0.1", "10.0", "svc"))
    assert not any("relay" in request or "64:ff9b" in request for request in listener.requests)
    sender.close()


FORBIDDEN_ACTS = {
    "read": "open('/etc/passwd').read()",
    "environment": "open('/proc/self/environ').read()",
    "climb": "open(os.path.dirname(os.__file__) + '/..' * 20 + '/etc/passwd').read()",
    "write": "open(sys.prefix + '/pyvenv.cfg', 'a')",
    "delete": "os.remove(sys.prefix + '/none')",
    "program": "subprocess.run(['true'])",
    "shell": "os.system('true')",
    "fork": "os.fork()",
    "native": "ctypes.CDLL(None)",
    "unix": "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
    "datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('8.8.8.8', 53))",
    "connected datagram": "socket.socket(type=socket.SOCK_DGRAM).connect(('8.8.8.8', 53))",
    "listen": "socket.socket().bind(('127.0.0.1', 0))",
    "name": "socket.socket().connect(('localhost', 80))",
}
ACTOR = """
import ctypes, os, socket, subprocess, sys
from nsg_baseline.alerts.sender.guard import Guard
Guard(local=False, private=False).install()
try:
    {}
except PermissionError as error:
    print(str(error).endswith("not allowed for channels"))
"""


@pytest.mark.parametrize("act", FORBIDDEN_ACTS)
def test_a_guarded_process_can_only_connect_and_read_its_own_code(act: str) -> None:
    # Whatever a plugin or a library of a later version does, on whichever thread.
    code = ACTOR.format(FORBIDDEN_ACTS[act])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_private_networks_are_a_permission_and_public_addresses_need_none() -> None:
    for host in PRIVATE_HOSTS:
        address = host.strip("[]")
        assert refusal(address, local=False, private=False) == "private"
        assert refusal(address, local=False, private=True) == ""
        assert refusal(address, local=True, private=False) == "private"
    for address in ("20.42.65.92", "2603:1030::1", "64:ff9b::142a:415c", "8.8.8.8"):
        assert refusal(address, local=False, private=False) == ""


def test_names_of_the_cluster_are_recognised_where_only_a_proxy_could_resolve_them() -> None:
    assert all(map(is_internal_name, ("kubernetes.default.svc", "relay", "a.cluster.local", "vm.internal")))
    assert not is_internal_name("hooks.slack.com")


def test_a_pause_has_a_limit_and_any_text_is_read() -> None:
    # One response with a pause of a thousand years must not stop a channel, or fail the operator.
    for text in ("9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"):
        assert pause(text) == MAX_PAUSE
    for text in ("", "inf", "-1", "²", "Fri, 99 Dec 99999999999999 23:59:59 GMT"):
        assert pause(text) is None
    assert pause(None) is None
