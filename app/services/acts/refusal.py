"""What an act raises when it is not done, for a reason that no gateway gave."""


class ActRefused(Exception):
    """For a person: `title` says what happened, `detail` what it means and what to do."""

    def __init__(self, title: str, detail: str) -> None:
        self.title, self.detail = title, detail
        super().__init__(f"{title}\n{detail}")
