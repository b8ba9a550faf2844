"""The room that talks to a gateway as its owner or as a user."""
