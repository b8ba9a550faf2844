"""Puts one act in order: submit, claim, finish, sign in. No HTTP words, no SQL."""
