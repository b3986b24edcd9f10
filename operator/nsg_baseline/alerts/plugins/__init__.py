"""Plugins for services that Apprise does not support, or not with alerts that can be closed."""
