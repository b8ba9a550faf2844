"""Job ids: `<engine id>_<uuidv7>`; the shard is read from the id (protocol §4)."""

import re
from uuid import UUID

_JOB_ID = re.compile(r"([a-z0-9]{4,26})_([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})")


def job_id(engine: str, uuid: UUID) -> str:
    """Compose a job id."""
    return f"{engine}_{uuid}"


def split_job_id(text: str) -> tuple[str, UUID] | None:
    """Engine id and UUID of a job id; None when it is not one."""
    match = _JOB_ID.fullmatch(text)
    return (match[1], UUID(match[2])) if match else None
