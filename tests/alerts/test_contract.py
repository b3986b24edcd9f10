"""A contract with Apprise over the sample URLs that its tests use: what each supported service requests.

The fast tests use a few services, the slow ones all of them.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from html import escape
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from nsg_baseline.alerts.apprise_refusals import FILE_OPTIONS
from nsg_baseline.alerts.apprise_services import SERVICES
from nsg_baseline.alerts.schemes import OWN_FORM
from nsg_baseline.alerts.sender.client import Sender
from tests.support.apprise_samples import Sample, samples
from tests.support.sends import Listener, deliver, listening, send_to

SAMPLES = samples()
# Sent by SMTP, which tests/alerts/test_webhook_and_mail.py covers.
MAIL = ("email", "deltachat")
# Apprise's samples of these have no accepting response.
WITHOUT = {"emby", "jellyfin", "pushdeer", "twist", "vapid", "voipms"}
# The signing in of these is counted as a request, and repeated.
SIGNING_IN = ("ringcentral",)
# The server of this test refuses the method UPDATE.
REFUSED_METHOD = "method=update"
HTTP = [
    sample
    for sample in SAMPLES
    if sample.module not in MAIL and sample.module not in WITHOUT and REFUSED_METHOD not in sample.url
]
FIRST = list({sample.module: sample for sample in reversed(HTTP)}.values())
SECRET = "c4n4ry"
COMMAND = "az network nsg rule delete -g rg_web --nsg-name web -n 'a*b' --note \"<x> & [y](z)\""
LONG = "x word " * 6000
OWN = (
    *("127.0.0.1", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "169.254.169.254"),
    *("fe80::1", "fd00:ec2::254", "168.63.129.16"),
)


@contextmanager
def sender_to(port: int, *addresses: str) -> Iterator[Sender]:
    sender = Sender((sys.executable, "-m", "tests.support.contract_sender", str(port), *addresses))
    yield sender
    sender.close()


@asynccontextmanager
async def world() -> AsyncIterator[tuple[Sender, Listener]]:
    """A sender whose requests go to a server that accepts everything as the sample says."""
    async with listening() as listener:
        with sender_to(listener.port, "127.0.0.1") as sender:
            yield sender, listener


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def with_options(sample: Sample, options: str) -> str:
    return f"{sample.url}{'&' if '?' in sample.url else '?'}{options}"


async def sends_once(sender: Sender, listener: Listener, sample: Sample) -> str:
    """Send a short and a long message; return what is wrong."""
    listener.content, listener.status = sample.content.encode(), sample.status
    counts = []
    for body in ("It opens TCP 22 from the Internet.", LONG):
        listener.requests.clear()
        send = send_to(sample.url, local=True, scheme=sample.scheme, title="[HIGH] web", body=body, fits=False)
        answer = await deliver(sender, send)
        if answer.failure or not listener.requests:
            return f"{sample.url}: {answer} after {len(listener.requests)} requests"
        counts.append(len(listener.requests))
    is_same = counts[0] == counts[1] or sample.module in SIGNING_IN
    return "" if is_same else f"{sample.url}: {counts[1]} requests for a long message instead of {counts[0]}"


async def problems(chosen: list[Sample]) -> list[str]:
    """Return what is wrong with the sends of samples, two at a time."""

    async def some(part: list[Sample]) -> list[str]:
        async with world() as (sender, listener):
            return [problem for sample in part if (problem := await sends_once(sender, listener, sample))]

    parts = await asyncio.gather(some(chosen[::2]), some(chosen[1::2]))
    return [problem for part in parts for problem in part]


def test_each_supported_service_has_samples() -> None:
    assert {sample.module for sample in HTTP} | set(MAIL) | WITHOUT == set(SERVICES)


async def test_some_services_send_once_and_a_long_message_is_cut() -> None:
    assert await problems(FIRST[::12]) == []


@pytest.mark.slow
async def test_every_sample_is_sent_once_and_a_long_message_is_cut() -> None:
    assert await problems(HTTP) == []


async def refusals(chosen: list[Sample], address: str) -> int:
    """Send samples whose hosts resolve to an address; return how many were refused because of it. None may arrive."""
    with sender_to(0, address) as sender:
        answers = [await deliver(sender, send_to(sample.url, scheme=sample.scheme)) for sample in chosen]
    assert all(answer.failure and not answer.status for answer in answers)
    return sum(answer.failure == "own" for answer in answers)


async def test_some_services_do_not_connect_to_a_name_that_resolves_to_the_pod() -> None:
    # The address of the connection is judged, so that nothing changes if the name resolves to another one later.
    assert await refusals(FIRST[::24], "127.0.0.1") > 0


@pytest.mark.slow
@pytest.mark.parametrize("address", OWN)
async def test_no_service_connects_to_a_name_that_resolves_to_the_pod(address: str) -> None:
    # Without a connection that was refused, this test would prove nothing about a service.
    assert await refusals(FIRST, address) > len(FIRST) * 0.95


@pytest.mark.slow
async def test_no_service_follows_a_redirect() -> None:
    async with listening() as target, world() as (sender, listener):
        listener.redirect = f"http://127.0.0.1:{target.port}/elsewhere"
        for sample in FIRST:
            listener.requests.clear()
            send = send_to(
                f"{sample.url}{'&' if '?' in sample.url else '?'}redirect=yes", scheme=sample.scheme, local=True
            )
            assert (await deliver(sender, send)).failure, sample.url
            assert target.requests == [], sample.url


@pytest.mark.slow
async def test_no_service_asks_a_proxy_for_an_address_of_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        with sender_to(0, "127.0.0.1") as sender:
            for sample in FIRST:
                assert (await deliver(sender, send_to(sample.url, scheme=sample.scheme))).failure, sample.url
        assert proxy.requests == []


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "file://"])
async def test_no_service_sends_a_file(tmp_path: Path, prefix: str) -> None:
    # The options are refused before; the guard stops one that a later version adds.
    file = tmp_path / "secret.json"
    file.write_text(f'{{"text": "{SECRET}"}}')
    names = sorted(FILE_OPTIONS | {"attach", "attachment", "file", "config", "payload", "cert", "key", "token_file"})
    query = "&".join(f"{name}={prefix}{file}" for name in names)
    async with world() as (sender, listener):
        for sample in FIRST:
            listener.requests.clear()
            listener.content, listener.status = sample.content.encode(), sample.status
            await deliver(sender, send_to(with_options(sample, query), scheme=sample.scheme, local=True))
            assert SECRET not in "".join(listener.requests), sample.url


# These encode the whole text, or replace spaces in the HTML that they make of it.
ALTERED = {"awswhatsapp", "dapnet", "lfgalarm", "matrix", "sogs", "ses"}
FORMS = (COMMAND, escape(COMMAND, quote=False), escape(COMMAND), escape(COMMAND).replace("&#x27;", "&apos;"))


async def commands(chosen: list[Sample]) -> list[str]:
    """Return the services at which a command does not arrive as it is, though they accept long texts."""
    missing = []
    async with world() as (sender, listener):
        for sample in chosen:
            listener.requests.clear()
            listener.content, listener.status = sample.content.encode(), sample.status
            send = send_to(sample.url, scheme=sample.scheme, local=True, title="t", body=COMMAND, fits=False)
            assert (await deliver(sender, send)).failure == "", sample.url
            if not any(text in read(request) for request in listener.requests for text in FORMS):
                missing.append(sample.module)
    return missing


def read(request: str) -> str:
    """Return a request with the strings of JSON and of forms as text."""
    text = unquote_plus(request) + request
    return text + text.replace('\\"', '"').replace("\\\\", "\\")


@pytest.mark.slow
async def test_a_command_arrives_as_it_is_at_every_service_that_takes_text() -> None:
    plain = [sample for sample in FIRST if sample.scheme not in OWN_FORM]
    assert set(await commands(plain)) <= ALTERED
