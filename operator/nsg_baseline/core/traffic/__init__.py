"""Exposure: the connections that a change of rules newly allows or denies."""
