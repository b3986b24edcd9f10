"""Connections that a change of rules lets through or cuts off."""
