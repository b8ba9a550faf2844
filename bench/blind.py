"""`flowork` with its eyes shut: nothing is logged, counted, judged, traced or pushed. The other half of `observability`.

The product has no such switch; what sees is taken out of its wiring here.
"""

import asyncio
import logging
import sys
from collections.abc import Callable

from app.roles import main
from gateway.operations.service_levels import ServiceLevels
from gateway.telemetry import lateness
from gateway.telemetry.signals import Listener
from gateway.wiring import seeing


class _Nobody(Listener):
    """Stands where everyone who hears would."""

    def __init__(self, _listeners: object) -> None:
        pass


async def _never(_late: Callable[[float], None]) -> None:
    await asyncio.get_running_loop().create_future()


async def _still(_levels: ServiceLevels) -> None:
    await asyncio.get_running_loop().create_future()


for place, name, blind in (
    (seeing, "Everyone", _Nobody),
    (lateness, "watch", _never),
    (ServiceLevels, "run", _still),
):
    assert hasattr(place, name), f"{name} has moved: this would shut no eye"
    setattr(place, name, blind)
logging.disable(logging.CRITICAL)
sys.exit(main())
