"""What `flowork serve` prints once it runs."""

import pytest

from app import settings as all_settings
from app.commands.serve import page
from app.services.host import Serving

SERVING = Serving("1.2.3", "http://127.0.0.1:7717", "gate", "aaaa", "home", 4, "keyring")


@pytest.mark.parametrize(
    ("engine", "said"),
    [({"slots": 4}, "home, 4 slots"), ({}, "home, 4 slots to begin with, then 1 to 16 by load"), ({"slots_max": 5}, "then 1 to 5 by load")],
)
def test_it_tells_how_many_slots_there_are_and_between_what_they_move(tmp_path, engine: dict[str, int], said: str):
    settings = all_settings.load(tmp_path, {}, engine, {})
    (line,) = [line for line in page(SERVING, settings, badge="").split("\n") if line.startswith("  Engine")]
    assert line.endswith(said)


def test_it_tells_where_everything_is_and_how_secrets_are_kept(tmp_path):
    shown = page(SERVING, all_settings.load(tmp_path, {}, {}, {}), badge="  <- badge")
    for said in ("Flowork 1.2.3", "http://127.0.0.1:7717", str(tmp_path), "keyring  <- badge"):
        assert said in shown
