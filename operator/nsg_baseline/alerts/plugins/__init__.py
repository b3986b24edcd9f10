"""Channels that Apprise lacks."""
