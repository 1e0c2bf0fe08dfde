"""What is made of Lighthouse's reports: medians, and which goals are missed."""

from dataclasses import replace
from typing import Any

import pytest

from bodega.proof.lighthouse import GOALS, Figures, LighthouseError, Page, _figures, median

pytestmark = pytest.mark.unit

HOME = Page("home", "/")
ACCOUNT = Page("account", "/account", "customer", is_indexed=False, is_bound=False)
GOOD = Figures(95, 100, 100, 100, lcp_seconds=2.5, tbt_milliseconds=900, cls=0.02, machine=1500)


def report(**more: Any) -> dict[str, Any]:
    scores = {"performance": 0.953, "accessibility": 1, "best-practices": 1, "seo": 0.92}
    return {
        "requestedUrl": "http://shop/",
        "environment": {"benchmarkIndex": 812.5},
        "categories": {name: {"score": score} for name, score in scores.items()},
        "audits": {
            "largest-contentful-paint": {"numericValue": 2345.6},
            "total-blocking-time": {"numericValue": 80},
            "cumulative-layout-shift": {"numericValue": 0.003},
            "is-crawlable": {"score": 1},
        },
        **more,
    }


def test_a_report_is_read_in_hundredths_seconds_and_milliseconds() -> None:
    assert _figures(report()) == Figures(95, 100, 100, 92, 2.3456, 80, 0.003, 812.5)


def test_a_page_that_could_not_be_loaded_is_no_figure() -> None:
    with pytest.raises(LighthouseError, match="refused"):
        _figures(report(runtimeError={"code": "FAILED_DOCUMENT_REQUEST", "message": "the server refused"}))


def test_the_median_is_of_each_figure_its_own() -> None:
    looks = [replace(GOOD, performance=performance, cls=cls) for performance, cls in ((90, 0.3), (97, 0), (95, 0.1))]
    assert median(looks) == replace(GOOD, performance=95, cls=0.1)


def test_what_just_meets_its_goal_is_not_missed() -> None:
    assert GOOD.misses(HOME) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("performance", 94),
        ("accessibility", 99),
        ("best_practices", 99),
        ("seo", 99),
        ("lcp_seconds", 2.51),
        ("cls", 0.021),
    ],
)
def test_each_goal_can_be_missed_and_of_the_account_its_steadiness_alone(name: str, value: float) -> None:
    assert name in GOALS
    worse = replace(GOOD, **{name: value})
    assert worse.misses(HOME) == [name]
    assert worse.misses(ACCOUNT) == (["cls"] if name == "cls" else [])
