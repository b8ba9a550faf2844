"""Service levels of a real gateway: what the owner is told is what happened, also after it was killed."""

from app.client.admin import open_admin
from contract.levels import LevelView
from contract.words import JobState
from tests.support.house import House, house, signed_in, until


async def level(home: House, slo: str) -> LevelView:
    async with open_admin(home.data) as admin:
        levels = (await admin.status()).levels
    assert levels is not None
    return next(each for each in levels.levels if each.slo == slo)


async def test_jobs_and_answers_are_judged_and_a_killed_gateway_was_down_until_it_came_back(tmp_path):
    async with house(tmp_path, apart=False) as home:
        async with signed_in(home, "home") as user:
            fails = {"fail": {"code": "test.broken", "message": "on purpose", "retryable": False}}
            jobs = [await user.submit(payload=fails if number % 2 else {}) for number in range(40)]
            for job in jobs:
                await user.reaches(job, JobState.SUCCEEDED, JobState.DEAD)

        async def judged() -> bool:
            return (await level(home, "error_rate")).value == 0.5  # of all 40: a job is counted a moment after its end is told

        await until(judged, "half of the jobs failed")
        error_rate, delay = await level(home, "error_rate"), await level(home, "start_delay")
        assert (error_rate.state, error_rate.budget_left) == ("burning", -49.0)
        assert delay.value is not None
        assert delay.value > 0
        assert home.gateway is not None
        home.gateway.kill()
        await home.gateway.ended()
        await home.start_gateway()
        assert "levels.was_down" in home.gateway.log.read_text()

        async def less() -> bool:
            value = (await level(home, "availability")).value
            return value is not None and value < 1

        await until(less)
