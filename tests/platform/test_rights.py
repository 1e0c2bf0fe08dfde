"""Who may do what: the gateway's routes, the services' parameters and the API's description say the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from bodega.gateway.access import ROLES
from bodega.platform.system import System

pytestmark = pytest.mark.unit

SUPPORT_MAY = {
    "get /admin/orders",
    "get /admin/orders/{order_ref}",
    "post /admin/orders/{order_ref}/cancel",
    "get /admin/withdrawals",
    "post /admin/withdrawals/{withdrawal_id}/assign",
    "get /admin/payments",
    "get /admin/shipments",
    "get /admin/shipments/{shipment_id}",
    "get /admin/shipments/{shipment_id}/label",
    "get /admin/notifications",
    "post /admin/notifications/{notification_id}/resend",
}


@pytest.fixture(scope="module")
def operations(root: Path) -> dict[str, Any]:
    """`get /admin/orders` and what is said of it."""
    paths = json.loads((root / "docs/openapi.json").read_text())["paths"]
    return {f"{method} {path}": described for path, item in paths.items() for method, described in item.items()}


def test_support_may_do_this_and_nothing_else(operations: dict[str, Any]) -> None:
    assert {name for name, described in operations.items() if "support" in described.get("x-roles", ())} == SUPPORT_MAY


def test_every_operation_below_admin_asks_for_a_role_and_no_other_does(operations: dict[str, Any]) -> None:
    asking = {name for name, described in operations.items() if "x-roles" in described}
    assert asking == {name for name in operations if " /admin/" in name}


def test_the_gateway_lets_in_whom_an_operation_below_asks_for_and_nobody_else(operations: dict[str, Any]) -> None:
    routes = [route for service in System.load(local=False).services.values() for route in service.routes]
    asked: dict[str, set[str]] = {}
    for name, described in operations.items():
        path = name.partition(" ")[2]
        route = max((one for one in routes if f"{path}/".startswith(f"{one.path}/")), key=lambda one: len(one.path))
        asked.setdefault(route.path, set()).update(described.get("x-roles", ()))
    let_in = {route.path: set(ROLES.get(route.access, ())) for route in routes if route.path in asked}
    assert asked == let_in
