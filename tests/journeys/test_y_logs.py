"""No request of the whole run has ended as "unhandled": what the shop has written while the other journeys ran.

Named so that it comes after the others, but before the backup, which takes the logs away.
"""

import pytest

from tests.journeys.logs import failed_loops, unhandled

pytestmark = [pytest.mark.journey, pytest.mark.alone]


def test_no_request_of_the_run_has_ended_unhandled() -> None:
    assert unhandled() == []


def test_no_background_loop_of_the_run_has_failed() -> None:
    assert failed_loops() == []
