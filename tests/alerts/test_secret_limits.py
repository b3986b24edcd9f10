"""Limits of a route's Secret: a tenant who may edit one must not be able to exhaust the operator."""

from nsg_baseline.alerts.channels import parse_channels
from nsg_baseline.alerts.urls import MAX_BYTES, MAX_LINES

URL = "json://relay.example.com/a"


def test_the_largest_number_of_channels_is_accepted() -> None:
    channels, errors = parse_channels("\n".join([URL] * MAX_LINES))
    assert (len(channels), errors) == (MAX_LINES, [])


def test_one_channel_more_is_an_error_and_the_others_remain() -> None:
    # A refusal of the whole Secret would stop alerts that worked before.
    channels, (error,) = parse_channels("\n".join([URL] * (MAX_LINES + 1)))
    assert (len(channels), error.line) == (MAX_LINES, MAX_LINES + 1)
    assert f"{MAX_LINES} channels" in str(error)


def test_the_largest_secret_is_accepted() -> None:
    text = f"{URL}\n#".ljust(MAX_BYTES - 1, "x")
    channels, errors = parse_channels(text)
    assert (len(channels), errors) == (1, [])


def test_one_byte_more_is_an_error_that_names_the_limit() -> None:
    text = f"{URL}\n#".ljust(MAX_BYTES, "x")
    channels, (error,) = parse_channels(text)
    assert (len(channels), error.line) == (1, 2)
    assert f"{MAX_BYTES} bytes" in str(error)
