"""`flowork doctor` on real folders and a real gateway: what is wrong is named with what to do, and nothing is changed."""

import asyncio
import json
import sqlite3
from pathlib import Path

from app.client.admin import open_admin
from contract.admin import InstanceStatus
from tests.support.house import House, house, start, until
from tests.support.model_server import config
from tests.support.openai_server import openai_server


async def doctor(data: Path) -> tuple[int, dict[str, tuple[str, str]]]:
    """Exit code, and verdict with words by what was looked at."""
    program = await start(data.with_suffix(".doctor.log"), "doctor", "--data", str(data), "--json")
    assert program.process.stdout is not None
    told = json.loads(await program.process.stdout.read())
    return await program.ended(), {each["what"]: (each["verdict"], each["found"]) for each in told["findings"]}


async def test_a_gateway_that_runs_well_is_well(tmp_path: Path):
    async with house(tmp_path, apart=False) as home:

        async def heard() -> InstanceStatus | None:
            async with open_admin(home.data) as admin:
                (engine,) = (await admin.status()).engines
            return next((each for each in engine.instances if each.clock_off_s is not None), None)

        await until(heard, "an instance told of its clock")
        code, found = await doctor(home.data)
        assert code == 0, found
        assert found["gateway"] == ("ok", f"ready at {home.address}")
        assert found["engine home"] == ("ok", "1 instance(s) up")
        assert found["clock"][0] == found["control.db"][0] == found["data folder"][0] == found["disk"][0] == "ok"
        assert found["secrets"] == ("note", "files in the clear")


async def test_what_is_wrong_is_named_and_left_as_it_was(tmp_path: Path):
    home = House(tmp_path / "data", apart=False)
    try:
        await home.open()
    finally:
        await home.close()
    shard = next((home.data / "shards").glob("*.db"))
    damaged = shard.read_bytes()[:5000]
    shard.write_bytes(damaged)
    (home.data / "config.toml").write_text("[gateway]\nportt = 1\n")
    (home.data / "control.db").chmod(0o666)
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with taken:
        code, found = await doctor(home.data)
    assert code == 1
    assert found["data folder"][0] == found[f"shards/{shard.name}"][0] == found["settings"][0] == "bad"
    assert "control.db" in found["data folder"][1]
    assert "portt" in found["settings"][1]
    assert found["gateway"][0] == "note"
    assert shard.read_bytes() == damaged
    assert (home.data / "control.db").stat().st_mode & 0o777 == 0o666
    with sqlite3.connect(home.data / "control.db") as control:
        assert control.execute("SELECT count(*) FROM engines").fetchone() == (1,)


async def test_a_folder_that_is_not_there_yet_is_no_trouble_and_not_made(tmp_path: Path):
    code, found = await doctor(tmp_path / "nowhere")
    assert (code, found["data folder"][0]) == (0, "note")
    assert not (tmp_path / "nowhere").exists()


async def test_providers_are_asked_whether_they_answer(tmp_path: Path):
    async with openai_server() as server:
        folder = tmp_path / "data"
        folder.mkdir(mode=0o700)
        (folder / "secrets").mkdir(mode=0o700)
        models = {"base_url": server.base_url, "models": ["small"]}
        away = {"base_url": "http://127.0.0.1:9/v1", "models": ["small"]}
        text = config({}, here=models, away=away, keyless={**models, "key": "gone"}, unticked={"base_url": server.base_url})
        (folder / "config.toml").write_text(text)
        (folder / "config.toml").chmod(0o600)
        code, found = await doctor(folder)
    assert code == 1
    assert found["provider here"] == ("ok", "answers, 2 models, 1 ticked")
    assert found["provider away"] == ("bad", "http://127.0.0.1:9/v1: No connection to the provider, or it broke.")
    assert found["provider keyless"] == ("bad", "its key is missing")
    assert found["provider unticked"][0] == "note"
