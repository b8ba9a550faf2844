"""`engine.store.spool`: reports outlive the process until the gateway has spoken."""

import shutil
import stat
import sys
from pathlib import Path

import pytest

from contract.engine_link import Failure
from contract.words import Outcome
from engine.store.spool import SpoolInUse, open_spool
from tests.support.fake_link import job_id, report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "engine" / "abcd"


async def kept_in(folder: Path):
    async with open_spool(folder) as spool:
        return spool.all()


class TestKeeping:
    async def test_a_new_spool_is_empty(self, folder: Path):
        assert await kept_in(folder) == []

    async def test_a_kept_report_is_there_when_the_spool_is_opened_again(self, folder: Path):
        async with open_spool(folder) as spool:
            await spool.put(report(1, result={"answer": [42, "ä"]}))
        assert await kept_in(folder) == [report(1, result={"answer": [42, "ä"]})]

    async def test_a_kept_report_survives_a_process_that_never_closes_its_files(self, folder: Path, tmp_path: Path):
        async with open_spool(folder) as spool:
            await spool.put(report(1, result="done"))
            shutil.copytree(folder, tmp_path / "after-the-crash")
        assert await kept_in(tmp_path / "after-the-crash") == [report(1, result="done")]

    async def test_every_commit_waits_for_the_disk(self, folder: Path):
        async with open_spool(folder) as spool:
            ((synchronous,),) = spool._connection.execute("PRAGMA synchronous").fetchall()
            assert synchronous == 2  # FULL

    async def test_every_field_comes_back(self, folder: Path):
        failed = report(1, Outcome.FAILED, error=Failure(code="a.b", message="m", retryable=False, retry_after_s=1.5))
        async with open_spool(folder) as spool:
            await spool.put(failed)
            await spool.put(report(2, Outcome.GIVEN_BACK))
        assert await kept_in(folder) == [failed, report(2, Outcome.GIVEN_BACK)]

    async def test_reports_come_back_oldest_first(self, folder: Path):
        numbers = [3, 1, 2, 9, 5]
        async with open_spool(folder) as spool:
            for number in numbers[:3]:
                await spool.put(report(number))
        async with open_spool(folder) as spool:
            for number in numbers[3:]:
                await spool.put(report(number))
            assert [kept.job for kept in spool.all()] == [job_id(number) for number in numbers]

    async def test_two_attempts_of_one_job_are_two_reports(self, folder: Path):
        async with open_spool(folder) as spool:
            await spool.put(report(1, grant=1))
            await spool.put(report(1, grant=2))
            assert spool.all() == [report(1, grant=1), report(1, grant=2)]

    async def test_the_same_report_twice_is_kept_once(self, folder: Path):
        async with open_spool(folder) as spool:
            await spool.put(report(1))
            await spool.put(report(1))
            assert spool.all() == [report(1)]


class TestForgetting:
    async def test_a_settled_report_is_gone_after_closing(self, folder: Path):
        async with open_spool(folder) as spool:
            await spool.put(report(1))
            await spool.put(report(2))
            spool.settled(report(1))
        assert await kept_in(folder) == [report(2)]

    async def test_a_settled_report_is_gone_with_the_next_write(self, folder: Path, tmp_path: Path):
        async with open_spool(folder) as spool:
            await spool.put(report(1))
            spool.settled(report(1))
            await spool.put(report(2))
            shutil.copytree(folder, tmp_path / "after-the-crash")
            assert spool.all() == [report(2)]
        assert await kept_in(tmp_path / "after-the-crash") == [report(2)]

    async def test_only_the_settled_attempt_is_forgotten(self, folder: Path):
        async with open_spool(folder) as spool:
            await spool.put(report(1, grant=1))
            await spool.put(report(1, grant=2))
            spool.settled(report(1, grant=1))
            spool.flush()
            assert spool.all() == [report(1, grant=2)]

    async def test_a_block_that_fails_keeps_what_is_unsettled(self, folder: Path):
        with pytest.raises(RuntimeError, match="crash"):
            async with open_spool(folder) as spool:
                await spool.put(report(1))
                raise RuntimeError("crash")
        assert await kept_in(folder) == [report(1)]


class TestOneOwner:
    async def test_a_second_opener_is_told_what_to_do(self, folder: Path):
        async with open_spool(folder):
            with pytest.raises(SpoolInUse, match="--data"):
                async with open_spool(folder):
                    pass

    async def test_the_refused_opener_leaves_the_first_one_working(self, folder: Path):
        async with open_spool(folder) as spool:
            with pytest.raises(SpoolInUse):
                await kept_in(folder)
            await spool.put(report(1))
        assert await kept_in(folder) == [report(1)]

    async def test_the_folder_is_free_after_a_block_that_failed(self, folder: Path):
        with pytest.raises(RuntimeError, match="crash"):
            async with open_spool(folder):
                raise RuntimeError("crash")
        assert await kept_in(folder) == []

    async def test_engines_with_other_ids_do_not_meet(self, folder: Path):
        async with open_spool(folder) as first, open_spool(folder.with_name("efgh")) as second:
            await first.put(report(1))
            assert second.all() == []

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
    async def test_nobody_else_reads_results_on_this_machine(self, folder: Path):
        async with open_spool(folder) as spool:
            await spool.put(report(1))
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == dict.fromkeys(
                ["spool.db", "spool.db-wal", "spool.db-shm", "spool.db.lock"], 0o600
            )


async def test_a_full_disk_does_not_end_the_spool(folder: Path):
    async with open_spool(folder) as spool:
        ((most,),) = spool._connection.execute("PRAGMA max_page_count").fetchall()
        spool._connection.execute("PRAGMA max_page_count = 4")
        with pytest.raises(Exception, match="full"):
            await spool.put(report(1, result="x" * 100_000))
        spool._connection.execute(f"PRAGMA max_page_count = {most}")
        await spool.put(report(2))
        assert spool.all() == [report(2)]
