"""What seeing costs is measured with everything on, against a gateway that really sees nothing."""

from tests.support.benches import measured


async def test_observability_measures_with_everything_and_with_nothing():
    found = await measured("observability", "--pairs", "1", "--jobs", "100")
    assert found["failed"] == 0
    assert found["cpu_s_per_1000_jobs_on"] > 0
    assert found["raw"]["spans"][0] > 0
