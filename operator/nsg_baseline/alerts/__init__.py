"""Notifications about incidents, sent through Apprise."""
