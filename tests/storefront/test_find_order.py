"""Who has lost the mail finds the order by its number and e-mail address, without scripts."""

import pytest

from tests.storefront.conftest import SITE, Storefront

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="session")]

WISH = {"number": "bdg tnda fc5e", "email": " Ada@Example.com "}


async def test_the_form_is_on_a_page_that_every_page_leads_to(storefront: Storefront) -> None:
    page = await storefront.get("/find-order")
    text = await page.text()
    assert (page.status, page.headers["Cache-Control"]) == (200, "public, max-age=0, s-maxage=3600")
    assert 'action="/find-order/send"' in text
    assert 'method="post"' in text
    assert 'name="number"' in text
    assert 'name="email"' in text
    assert 'href="/find-order"' in (await (await storefront.get("/")).text()).partition("<footer")[2]


@pytest.mark.parametrize(("status", "path"), [(202, "/find-order/sent"), (422, "/find-order/refused")])
async def test_what_is_typed_is_looked_up_and_the_next_page_says_what_follows(
    storefront: Storefront, status: int, path: str
) -> None:
    storefront.api.lookup_status = status
    answer = await storefront.session.post(
        f"{storefront.url}/find-order/send", data=WISH, headers={"Origin": SITE}, allow_redirects=False
    )
    assert (answer.status, answer.headers["Location"]) == (303, path)
    assert [body for _, asked, _, body in storefront.api.asked if asked == "/orders/lookup"] == [
        {"number": "bdg tnda fc5e", "email": "Ada@Example.com"}
    ]
    assert (await storefront.get(path)).status == 200


@pytest.mark.parametrize(("status", "shown"), [(429, 429), (503, 503), (500, 503)])
async def test_who_asks_too_often_or_while_the_shop_is_ill_is_told_so(
    storefront: Storefront, status: int, shown: int
) -> None:
    storefront.api.lookup_status = status
    answer = await storefront.session.post(
        f"{storefront.url}/find-order/send", data=WISH, headers={"Origin": SITE}, allow_redirects=False
    )
    assert (answer.status, answer.headers["Retry-After"]) == (shown, "60")
    assert "try again" in await answer.text()


async def test_a_form_of_another_site_looks_nothing_up(storefront: Storefront) -> None:
    answer = await storefront.session.post(
        f"{storefront.url}/find-order/send", data=WISH, headers={"Origin": "http://elsewhere.test"}
    )
    assert answer.status == 403
    assert not storefront.api.asked
