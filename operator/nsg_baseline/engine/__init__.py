"""Reconciles of scopes, and the process around them."""
