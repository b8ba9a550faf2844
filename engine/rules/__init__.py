"""Decides: plain functions and values; no clock, no IO."""
