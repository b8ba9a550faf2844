"""A data folder is its owner's alone, or it is not used."""

import os
import stat
import sys
from pathlib import Path

import pytest

from kit.ownership import Found, Judgement, NotOurs, judge, make_ours

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are a POSIX matter")
ME = 1000


@pytest.mark.parametrize(
    ("uid", "mode", "judgement"),
    [
        (ME, stat.S_IFDIR | 0o700, Judgement.FINE),
        (ME, stat.S_IFREG | 0o600, Judgement.FINE),
        (ME, stat.S_IFSOCK | 0o600, Judgement.FINE),
        (ME, stat.S_IFREG | 0o400, Judgement.FINE),
        (ME, stat.S_IFDIR | 0o755, Judgement.TIGHTEN),
        (ME, stat.S_IFREG | 0o640, Judgement.TIGHTEN),
        (ME, stat.S_IFREG | 0o601, Judgement.TIGHTEN),
        (ME, stat.S_IFDIR | 0o720, Judgement.WRITABLE),
        (ME, stat.S_IFDIR | 0o702, Judgement.WRITABLE),
        (ME, stat.S_IFDIR | 0o1777, Judgement.WRITABLE),
        (ME + 1, stat.S_IFREG | 0o600, Judgement.FOREIGN),
        (0, stat.S_IFREG | 0o600, Judgement.FOREIGN),
        (ME, stat.S_IFLNK | 0o777, Judgement.LINK),
    ],
)
def test_each_mode_and_owner_is_judged(uid: int, mode: int, judgement: Judgement):
    assert judge(Found(Path("x"), uid, mode), ME) is judgement


def modes(*paths: Path) -> list[int]:
    return [stat.S_IMODE(path.stat().st_mode) for path in paths]


def test_a_new_folder_is_made_private(tmp_path: Path):
    assert make_ours(tmp_path / "a" / "data") == []
    assert modes(tmp_path / "a" / "data") == [0o700]


def test_what_others_could_only_read_is_closed_and_told(tmp_path: Path):
    data = tmp_path / "data"
    (data / "shards").mkdir(parents=True)
    (data / "shards" / "a.db").write_text("")
    for path, mode in ((data, 0o755), (data / "shards", 0o750), (data / "shards" / "a.db", 0o644)):
        path.chmod(mode)
    assert make_ours(data) == [data, data / "shards", data / "shards" / "a.db"]
    assert modes(data, data / "shards", data / "shards" / "a.db") == [0o700, 0o700, 0o600]
    assert make_ours(data) == []


@pytest.mark.parametrize("where", ["", "shards", "config.toml"])
def test_what_others_could_change_is_refused_with_the_command_that_mends_it(tmp_path: Path, where: str):
    data = tmp_path / "data"
    (data / "shards").mkdir(parents=True, mode=0o700)
    (data / "config.toml").write_text("")
    (data / "config.toml").chmod(0o600)
    (data / where).chmod(0o722)
    with pytest.raises(NotOurs, match="chmod -R go="):
        make_ours(data)
    assert modes(data / where) == [0o722]


def test_a_link_is_refused_wherever_it_stands(tmp_path: Path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "data").symlink_to(tmp_path / "real")
    with pytest.raises(NotOurs, match=f"--data {tmp_path / 'real'}"):
        make_ours(tmp_path / "data")
    (tmp_path / "real" / "secrets").symlink_to(tmp_path)
    with pytest.raises(NotOurs, match="may lead out of it"):
        make_ours(tmp_path / "real")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    with pytest.raises(NotOurs, match="symbolic link"):
        make_ours(tmp_path / "gone")
    assert not (tmp_path / "nowhere").exists()


def test_what_belongs_to_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "data").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(NotOurs, match="sudo chown -R"):
        make_ours(tmp_path / "data")


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(NotOurs, match="cannot be the data folder"):
            make_ours(path)
