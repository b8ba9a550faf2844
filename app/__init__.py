"""The program a person starts: roles, commands, and the host of gateway and engine threads."""
