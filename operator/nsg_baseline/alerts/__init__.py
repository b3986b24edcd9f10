"""Telling people, through Apprise."""
