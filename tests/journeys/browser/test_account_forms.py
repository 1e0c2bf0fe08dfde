"""The forms of the account: what is changed is saved, and whatever is refused is said, in every form."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.journeys.browser.conftest import Site, go
from tests.journeys.conftest import PASSWORD
from tests.journeys.shop import ADDRESS, Shopper

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def signed_in(site: Site, customer: Shopper) -> Page:
    page = await site.open("/account/sign-in")
    await page.get_by_label("E-mail").fill(customer.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1, name="Hello")).to_be_visible()
    return page


async def keeps_an_address(customer: Shopper) -> None:
    kept = {**ADDRESS, "default_shipping": True, "default_billing": False}
    assert (await customer.api.post("/users/me/addresses", kept)).status == 201


async def test_a_profile_and_a_kept_address_can_be_changed_time_after_time(site: Site, customer: Shopper) -> None:
    await keeps_an_address(customer)
    page = await signed_in(site, customer)
    for name, news in (("Ada King", True), ("Ada Lovelace", False)):
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("News by e-mail").set_checked(news)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello, {name}.")
        profile = (await customer.api.get("/users/me")).json
        assert (profile["name"], profile["marketing_opt_in"]) == (name, news)
    await go(page, f"{site.url}/account/addresses")
    for street in ("Weg 22", "Weg 23"):
        await page.get_by_role("button", name="Change the address").click()
        await page.get_by_label("Street and number").fill(street)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text(street, exact=True)).to_be_visible()
    [kept] = (await customer.api.get("/users/me/addresses")).json["items"]
    assert kept["line1"] == "Weg 23"


async def test_what_was_changed_elsewhere_meanwhile_is_shown_and_not_overwritten(site: Site, customer: Shopper) -> None:
    page = await signed_in(site, customer)
    assert (await customer.api.patch("/users/me", {"name": "Ada from elsewhere"})).status == 200
    await page.get_by_label("Name").fill("Ada from here")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("somewhere else")
    await expect(page.get_by_label("Name")).to_have_value("Ada from elsewhere")


async def save_the_profile(page: Page) -> None:
    await page.get_by_role("button", name="Save").click()


async def add_an_address(page: Page) -> None:
    await page.get_by_role("button", name="Add an address").click()
    for label, text in (
        ("Name", "Ada"),
        ("Street and number", "Weg 1"),
        ("Postal code", "10119"),
        ("Town or city", "Berlin"),
    ):
        await page.get_by_label(label).fill(text)
    await page.get_by_role("button", name="Save").click()


async def change_an_address(page: Page) -> None:
    await page.get_by_role("button", name="Change the address").click()
    await page.get_by_role("button", name="Save").click()


async def remove_an_address(page: Page) -> None:
    await page.get_by_role("button", name="Remove the address").click()


async def get_the_data(page: Page) -> None:
    await page.get_by_role("button", name="Get my data").click()


async def delete_the_account(page: Page) -> None:
    await page.get_by_text("Delete my account").click()
    await page.get_by_label("Your password").fill(PASSWORD)
    await page.get_by_role("button", name="Delete everything").click()


Act = Callable[[Page], Awaitable[None]]
FORMS: dict[str, tuple[str, str, str, Act]] = {
    "profile": ("/account", "PATCH", "**/api/users/me", save_the_profile),
    "new address": ("/account/addresses", "POST", "**/api/users/me/addresses", add_an_address),
    "changed address": ("/account/addresses", "PUT", "**/api/users/me/addresses/*", change_an_address),
    "removed address": ("/account/addresses", "DELETE", "**/api/users/me/addresses/*", remove_an_address),
    "notifications": ("/account/notifications", "PUT", "**/api/notifications/preferences", save_the_profile),
    "export": ("/account/security", "POST", "**/api/users/me/export", get_the_data),
    "erasure": ("/account/security", "DELETE", "**/api/users/me", delete_the_account),
}
REFUSALS: dict[str, tuple[int, dict[str, Any]]] = {
    "a header": (422, {"code": "invalid_request", "title": "No", "errors": [
        {"pointer": "/If-Match", "message": "String should match pattern"}]}),
    "a part that the form does not have": (422, {"code": "invalid_request", "title": "No", "errors": [
        {"pointer": "/nobody/knows/this", "message": "the reason that fits no field"}]}),
    "the whole": (409, {"code": "conflict", "title": "No", "detail": "this cannot be done now"}),
}  # fmt: skip


def refusing(method: str, status: int, problem: dict[str, Any]) -> Callable[[Route], Awaitable[None]]:
    """What answers a form in the API's place."""

    async def answer(route: Route) -> None:
        if route.request.method != method:
            return await route.continue_()
        document = json.dumps({"type": "about:blank", "status": status, **problem})
        await route.fulfill(status=status, content_type="application/problem+json", body=document)

    return answer


@pytest.mark.parametrize("form", FORMS)
async def test_a_refusal_that_fits_no_field_is_said_in_every_form(site: Site, customer: Shopper, form: str) -> None:
    """A refused header, an unknown part and a refusal of the whole: each is read out, each takes the focus."""
    await keeps_an_address(customer)
    path, method, address, act = FORMS[form]
    page = await signed_in(site, customer)
    for status, problem in REFUSALS.values():
        text = problem["errors"][0]["message"] if "errors" in problem else problem["detail"]

        await go(page, f"{site.url}{path}")
        await page.route(address, refusing(method, status, problem))
        await act(page)
        said = page.get_by_role("main").get_by_role("alert").filter(has_text=str(text)[1:])
        await expect(said).to_be_visible()
        await page.unroute(address)
