"""Judgement: pure functions over values. No IO, no clock, no logging, no randomness."""
