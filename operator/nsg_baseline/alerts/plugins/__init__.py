"""Plugins for services that Apprise does not support, or whose alerts it cannot close."""
