"""Passes over scopes, and the process around them."""
