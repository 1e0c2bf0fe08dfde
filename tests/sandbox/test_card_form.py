"""The card form: a page of the processor's own origin, which only the shop may frame."""

from typing import Any

import aiohttp
import pytest

from tests.sandbox.stand import SHOP, Sandbox

pytestmark = pytest.mark.service

KEY = "pk_test_bodega_sandbox"


async def form(http: aiohttp.ClientSession, sandbox: Sandbox, **asked: str) -> tuple[int, Any, str]:
    async with http.get(f"{sandbox.url}/elements/card", params=asked) as answer:
        return answer.status, answer.headers, await answer.text()


async def test_only_the_shop_may_frame_it_and_nothing_comes_from_elsewhere(
    http: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    status, headers, page = await form(http, sandbox, key=KEY, origin=SHOP)
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert status == 200
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert (policy["frame-ancestors"], policy["form-action"]) == (SHOP, "'none'")
    assert "http" not in page.replace(SHOP, "")
    assert "X-Frame-Options" not in headers


async def test_another_origin_gets_no_form(http: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    status, _, page = await form(http, sandbox, key=KEY, origin="http://127.0.0.1:8001")
    assert (status, "cc-number" in page) == (404, False)


async def test_a_browser_can_fill_it_in_and_its_theme_is_chosen(http: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    _, _, light = await form(http, sandbox, origin=SHOP)
    for hint in ("cc-number", "cc-exp", "cc-csc"):
        assert f'autocomplete="{hint}"' in light
    assert 'data-theme="light"' in light
    _, _, dark = await form(http, sandbox, origin=SHOP, theme="dark")
    assert 'data-theme="dark"' in dark
    _, _, odd = await form(http, sandbox, origin=SHOP, theme='"><script>', key='"><script>')
    assert 'data-theme="light"' in odd
    assert "<script>" not in odd


async def test_the_publishable_key_makes_a_token_and_opens_nothing_else(
    http: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    mine = {"Authorization": f"Bearer {KEY}"}
    card = {"type": "card", "card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "2034",
            "card[cvc]": "123"}  # fmt: skip
    async with http.post(f"{sandbox.url}/v1/payment_methods", data=card, headers=mine) as answer:
        token = await answer.json()
    assert token["id"].startswith("pm_")
    assert (token["card"]["brand"], token["card"]["last4"]) == ("visa", "4242")
    async with http.get(f"{sandbox.url}/v1/payment_intents", headers=mine) as answer:
        assert answer.status in (401, 403)
