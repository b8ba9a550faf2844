"""The services that run models, and the kinds `chat` and `embed`. The vendors' own clients are loaded by the first job that needs one."""
