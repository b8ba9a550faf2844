"""What is raised when there is no update, or not this one."""

from app.rules.update import REASONS, TAMPERED, TITLES, Reason


class UpdateFailed(Exception):
    """Why, as a value and for a person."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        self.refused = reason in TAMPERED
        self.title, self.detail = TITLES[self.refused], REASONS[reason]
        super().__init__(f"{self.title}\n{self.detail}")
