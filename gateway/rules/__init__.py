"""Decides: plain functions over values. No clock, no IO; `now`, randomness and limits are arguments."""
