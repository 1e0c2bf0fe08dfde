"""A consumer withdraws from a contract in two steps, without an account and without scripts."""

import base64
import json
from typing import Any

import pytest

from tests.storefront.conftest import SITE, Storefront

pytestmark = [pytest.mark.service, pytest.mark.asyncio(loop_scope="session")]

TYPED = {"name": " Ada Lovelace ", "number": "bdg tnda fc5e", "email": "Ada@Example.com", "goods": ""}
STATEMENT = {"name": "Ada Lovelace", "number": "bdg tnda fc5e", "email": "Ada@Example.com"}


async def post(storefront: Storefront, path: str, cookie: str = "", **form: str) -> Any:
    headers = {"Origin": SITE, **({"Cookie": cookie} if cookie else {})}
    answer = await storefront.session.post(f"{storefront.url}{path}", data=form, headers=headers, allow_redirects=False)
    await answer.read()
    return answer


def cookie_of(answer: Any) -> str:
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


def sent(storefront: Storefront) -> list[tuple[dict[str, Any], str]]:
    return [
        (body, headers["idempotency-key"])
        for _, asked, headers, body in storefront.api.asked
        if asked == "/orders/withdrawals"
    ]


@pytest.mark.parametrize("path", ["/", "/withdrawal", "/cart", "/checkout", "/nowhere"])
async def test_every_page_leads_to_the_function_by_its_legal_name(storefront: Storefront, path: str) -> None:
    text = await (await storefront.get(path)).text()
    assert 'href="/withdraw">Withdraw from contract here</a>' in text.partition("<footer")[2]
    page = await (await storefront.get("/withdrawal")).text()
    assert page.partition("<main")[2].partition("</main>")[0].count('href="/withdraw"') == 1


async def test_the_first_step_sends_nothing_and_the_second_sends_what_was_checked(storefront: Storefront) -> None:
    form = await (await storefront.get("/withdraw?order=BDG-TNDA-FC5E")).text()
    assert 'value="BDG-TNDA-FC5E"' in form
    step = await post(storefront, "/withdraw/check", **TYPED)
    assert (step.status, step.headers["Location"]) == (303, "/withdraw/confirm")
    for word in ("HttpOnly", "SameSite=Strict", "Path=/withdraw"):
        assert word in step.headers["Set-Cookie"]
    assert not sent(storefront)
    confirm = await storefront.get("/withdraw/confirm", Cookie=cookie_of(step))
    text = await confirm.text()
    assert confirm.headers["Cache-Control"] == "private, no-store"
    for shown in (
        "Ada Lovelace",
        "bdg tnda fc5e",
        "Ada@Example.com",
        "The whole order",
        ">Confirm withdrawal</button>",
    ):
        assert shown in text
    done = await post(storefront, "/withdraw/send", cookie_of(step))
    assert (done.status, done.headers["Location"]) == (303, "/withdraw/done")
    ((body, key),) = sent(storefront)
    assert body == STATEMENT
    receipt = await storefront.get("/withdraw/done", Cookie=cookie_of(done))
    text = await receipt.text()
    assert receipt.headers["Cache-Control"] == "private, no-store"
    for shown in ("28 Nov 2026, 08:48:32 UTC", "wdr_01M7Z4Q8T2V5X9B3D6F8H0K2M4", "Ada@Example.com"):
        assert shown in text
    await post(storefront, "/withdraw/send", cookie_of(step))
    assert sent(storefront)[1] == (body, key), "pressed twice, it is the same request"
    assert (await post(storefront, "/withdraw/send", cookie_of(done))).headers["Location"] == "/withdraw/done"
    assert len(sent(storefront)) == 2, "what was answered is not sent again"


async def test_goods_in_any_script_go_the_whole_way(storefront: Storefront) -> None:
    goods = "只有一个杯子 <b>" * 40
    step = await post(storefront, "/withdraw/check", **{**TYPED, "goods": goods})
    assert len(step.headers["Set-Cookie"]) < 4096
    text = await (await storefront.get("/withdraw/confirm", Cookie=cookie_of(step))).text()
    assert "<b>只" not in text
    await post(storefront, "/withdraw/send", cookie_of(step))
    assert sent(storefront)[0][0]["goods"] == goods.strip()


@pytest.mark.parametrize("missing", ["name", "number", "email"])
async def test_an_unfinished_form_comes_back_with_what_was_typed(storefront: Storefront, missing: str) -> None:
    step = await post(storefront, "/withdraw/check", **{**TYPED, missing: " "})
    assert step.headers["Location"] == "/withdraw?refused=1"
    text = await (await storefront.get("/withdraw?refused=1", Cookie=cookie_of(step))).text()
    assert 'role="alert"' in text
    assert text.count('value="bdg tnda fc5e"') == (missing != "number")


@pytest.mark.parametrize(("status", "shown"), [(429, 429), (503, 503), (500, 503)])
async def test_what_was_not_taken_is_said_not_to_be_sent(storefront: Storefront, status: int, shown: int) -> None:
    step = await post(storefront, "/withdraw/check", **TYPED)
    storefront.api.withdrawal_status = status
    answer = await post(storefront, "/withdraw/send", cookie_of(step))
    assert (answer.status, answer.headers["Retry-After"]) == (shown, "60")
    assert "confirm again" in await answer.text()
    storefront.api.withdrawal_status = 422
    assert (await post(storefront, "/withdraw/send", cookie_of(step))).headers["Location"] == "/withdraw?refused=1"


async def test_a_form_of_another_site_or_a_broken_cookie_withdraws_nothing(storefront: Storefront) -> None:
    step = await post(storefront, "/withdraw/check", **TYPED)
    headers = {"Origin": "http://elsewhere.test", "Cookie": cookie_of(step)}
    for path in ("/withdraw/check", "/withdraw/send"):
        answer = await storefront.session.post(f"{storefront.url}{path}", data=TYPED, headers=headers)
        assert answer.status == 403
    half = base64.urlsafe_b64encode(json.dumps({"number": "BDG"}).encode()).decode().rstrip("=")
    no_json, null = (base64.urlsafe_b64encode(one).decode().rstrip("=") for one in (b"no JSON", b"null"))
    for value in ("", "%%%", "e30", no_json, null, half):
        broken = f"bodega_withdrawal={value}" if value else ""
        assert (await post(storefront, "/withdraw/send", broken)).headers["Location"] == "/withdraw"
        page = await storefront.get("/withdraw/done", **({"Cookie": broken} if broken else {}))
        assert (page.status, page.headers["Location"]) == (307, "/withdraw")
    assert not sent(storefront)
