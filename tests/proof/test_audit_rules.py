"""Every rule of the audit: its violation, planted in a copy of a shop's data, is found, and nothing else is."""

from collections.abc import AsyncIterator

import pytest

from bodega.proof.audit.answers import Answer, Line
from tests.conftest import MakeDatabase
from tests.proof.audited import Plan, Shop
from tests.proof.violations import CASES, NOTHING_WRONG

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
async def shop(make_database: MakeDatabase) -> AsyncIterator[Shop]:
    shop = Shop(make_database)
    await shop.open()
    yield shop
    await shop.close()


async def test_a_shop_in_which_nothing_is_wrong_has_no_finding(shop: Shop) -> None:
    told = [
        Answer(order="BDG-1", key="k", status=201, lines=(Line(sku="MUG", quantity=2),)),
        Answer(order="BDG-1", key="k", status=201),
        Answer(key="late", status=503),
    ]
    report = await shop.report(Plan(answers=told))
    assert (report.findings, report.unseen) == ([], [])
    assert report.looked_at == {
        "stock": 1, "reservations": 4, "orders": 3, "payments": 3, "shipments": 2, "events on topics": 27,
        "events waiting in outboxes": 0, "mails": 6, "products in index, carts and pages": 1, "answers": 3,
    }  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_what_is_planted_is_found_and_nothing_else(shop: Shop, name: str) -> None:
    plan, expected = CASES[name]
    findings = await shop.findings(plan)
    assert {finding.identity for finding in findings} == expected, [one.sentence for one in findings]
    assert all(finding.found != finding.expected for finding in findings)


@pytest.mark.parametrize("name", NOTHING_WRONG)
async def test_what_is_as_it_may_be_is_not_found(shop: Shop, name: str) -> None:
    assert [finding.sentence for finding in await shop.findings(NOTHING_WRONG[name])] == []


async def test_what_the_topics_have_dropped_is_said(shop: Shop) -> None:
    report = await shop.report(Plan(dropped=True))
    assert report.findings == []
    assert [sentence.split()[2] for sentence in report.unseen] == sorted(
        ("orders", "payments", "inventory", "shipping", "catalog", "users")
    )


async def test_what_is_wrong_is_still_wrong_at_the_second_look(shop: Shop) -> None:
    plan, expected = CASES["another price on the page"]
    assert {finding.identity for finding in (await shop.report(plan)).findings} == expected
