"""One file a verb: parse, act, print."""
