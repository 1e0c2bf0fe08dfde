"""Many documents, one."""

import copy
from typing import Any

import pytest

from bodega.gateway.openapi import ClashError, for_page, merge
from bodega.platform.system import Route
from tests.gateway.stage import description

pytestmark = pytest.mark.unit

MONEY = {"type": "object", "properties": {"amount": {"type": "integer"}}}


def _document(paths: dict[str, Any], **schemas: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _returns(name: str, **more: Any) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"responses": {"200": {"description": "ok", "content": {"application/json": {"schema": schema}}}}, **more}


def _schema_of(document: dict[str, Any], path: str) -> str:
    content = document["paths"][path]["get"]["responses"]["200"]["content"]
    reference: str = content["application/json"]["schema"]["$ref"]
    return reference.removeprefix("#/components/schemas/")


def test_only_what_is_public_is_described() -> None:
    merged = merge({"orders": description("orders")})
    assert list(merged["paths"]) == ["/orders"]
    assert merged["openapi"] == "3.1.0"
    assert merged["servers"] == [{"url": "/"}]


def test_each_operation_bears_its_services_tag() -> None:
    merged = merge({"orders": description("orders"), "cart": description("cart")})
    assert merged["paths"]["/orders"]["get"]["tags"] == ["orders"]
    assert merged["tags"][1] == {"name": "cart", "description": "The cart room."}


def test_what_is_the_same_is_kept_once() -> None:
    documents = {name: _document({f"/{name}": {"get": _returns("Money")}}, Money=MONEY) for name in ("orders", "cart")}
    merged = merge(documents)
    assert set(merged["components"]["schemas"]) == {"Money", "GatewayProblem"}


def test_what_differs_gets_its_services_name() -> None:
    merged = merge({"orders": description("orders"), "cart": description("cart")})
    assert (_schema_of(merged, "/orders"), _schema_of(merged, "/cart")) == ("OrdersLine", "CartLine")
    assert "orders_id" in merged["components"]["schemas"]["OrdersLine"]["properties"]
    assert "Line" not in merged["components"]["schemas"]


def test_what_is_written_the_same_but_leads_to_something_else_differs() -> None:
    page = {"type": "array", "items": {"$ref": "#/components/schemas/Line"}}
    lines = {"orders": {"type": "string"}, "cart": {"type": "integer"}}
    documents = {
        name: _document({f"/{name}": {"get": _returns("Page")}}, Page=page, Line=line) for name, line in lines.items()
    }
    merged = merge(documents)
    assert (_schema_of(merged, "/orders"), _schema_of(merged, "/cart")) == ("OrdersPage", "CartPage")
    assert merged["components"]["schemas"]["CartPage"]["items"]["$ref"] == "#/components/schemas/CartLine"


def test_a_new_name_takes_nobodys_place() -> None:
    orders = _document(
        {"/orders": {"get": _returns("Line")}, "/o": {"get": _returns("CartLine")}}, Line={}, CartLine={}
    )
    cart = _document({"/cart": {"get": _returns("Line")}}, Line={"type": "integer"})
    merged = merge({"orders": orders, "cart": cart})
    assert (_schema_of(merged, "/cart"), _schema_of(merged, "/o")) == ("CartLine_", "CartLine")


def test_a_discriminators_mapping_follows() -> None:
    def document(kind: str) -> dict[str, Any]:
        mapping = {"mapping": {"a": "#/components/schemas/Line"}, "propertyName": "kind"}
        return _document(
            {f"/{kind}": {"get": _returns("Event")}}, Event={"discriminator": mapping}, Line={"title": kind}
        )

    merged = merge({"orders": document("orders"), "cart": document("cart")})
    mapping = merged["components"]["schemas"]["CartEvent"]["discriminator"]["mapping"]
    assert mapping == {"a": "#/components/schemas/CartLine"}


def test_components_that_only_internal_paths_need_are_left_out() -> None:
    document = _document(
        {"/internal/prices": {"post": _returns("Prices")}, "/p": {"get": _returns("Money")}}, Money=MONEY
    )
    document["components"]["schemas"]["Prices"] = {"type": "object"}
    assert "Prices" not in merge({"catalog": document})["components"]["schemas"]


def test_operation_ids_are_unique() -> None:
    merged = merge({"orders": description("orders"), "cart": description("cart")})
    assert merged["paths"]["/orders"]["get"]["operationId"] == "orders_list"
    assert merged["paths"]["/cart"]["get"]["operationId"] == "cart_list"


def test_two_services_with_one_operation_are_a_fault() -> None:
    with pytest.raises(ClashError, match="GET /x of cart"):
        merge({name: _document({"/x": {"get": _returns("M")}}, M={}) for name in ("orders", "cart")})


def test_two_services_may_share_a_path() -> None:
    orders, cart = _document({"/x": {"get": _returns("M")}}, M={}), _document({"/x": {"put": _returns("M")}}, M={})
    merged = merge({"orders": orders, "cart": cart})
    assert merged["paths"]["/x"]["put"]["tags"] == ["cart"]


def test_the_gateways_own_answers_are_described_and_a_services_own_stand() -> None:
    operation = _returns("M", security=[{"HTTPBearer": []}], requestBody={"content": {}})
    operation["responses"]["401"] = {"description": "Who are you?"}
    document = _document({"/x": {"post": operation, "get": _returns("M")}}, M={})
    document["components"]["securitySchemes"] = {"HTTPBearer": {"type": "http", "scheme": "bearer"}}
    merged = merge({"orders": document})
    responses = merged["paths"]["/x"]["post"]["responses"]
    assert set(responses) == {"200", "400", "401", "403", "413", "429", "431", "503", "504"}
    assert responses["401"] == {"description": "Who are you?"}
    assert set(merged["paths"]["/x"]["get"]["responses"]) == {"200", "400", "429", "431", "503", "504"}
    assert "Retry-After" in merged["components"]["responses"]["GatewayTooManyRequests"]["headers"]
    assert merged["paths"]["/x"]["post"]["security"] == [{"accessToken": []}, {"accessCookie": []}]
    assert set(merged["components"]["securitySchemes"]) == {"accessToken", "accessCookie"}


def test_a_status_that_both_answer_lists_the_codes_of_both() -> None:
    operation = _returns("M")
    operation["responses"]["403"] = {"description": "- `forbidden`: Not allowed.", "x-codes": ["forbidden"]}
    merged = merge({"orders": _document({"/admin/orders": {"post": operation}}, M={})})
    refused = merged["paths"]["/admin/orders"]["post"]["responses"]["403"]
    assert refused["x-codes"] == ["forbidden", "origin_not_allowed"]
    assert refused["description"].splitlines()[1].startswith("- `origin_not_allowed`: ")


def test_what_may_be_asked_without_a_token_may_still_be() -> None:
    cart = _document({"/cart": {"get": _returns("M", security=[{"bearer": [], "cart": []}, {"cart": []}, {}])}}, M={})
    cart["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "Bearer"},
        "cart": {"type": "apiKey", "in": "header", "name": "Cart-Token"},
    }
    security = merge({"cart": cart})["paths"]["/cart"]["get"]["security"]
    assert security == [{"accessToken": [], "cart": []}, {"accessCookie": [], "cart": []}, {"cart": []}, {}]


def test_each_operation_says_what_token_its_route_asks_for() -> None:
    routes = (
        Route(path="/orders", access="optional"),
        Route(path="/orders/mine", access="customer"),
        Route(path="/products", access="open"),
        Route(path="/admin/orders", access="merchant"),
        Route(path="/orders/one", access="open", exact=True),
    )
    served = ("/orders", "/orders/{id}", "/orders/mine", "/orders/one/x", "/products/{id}", "/admin/orders")
    unserved = ("/ordersx", "/debug", "/admin")
    merged = merge({"orders": _document({path: {"get": _returns("M")} for path in (*served, *unserved)}, M={})}, routes)
    assert set(merged["paths"]) == set(served)
    needs = {path: item["get"].get("security") for path, item in merged["paths"].items()}
    token: list[dict[str, list[str]]] = [{"accessToken": []}, {"accessCookie": []}]
    assert needs == {
        "/orders": [*token, {}],
        "/orders/{id}": [*token, {}],
        "/orders/one/x": [*token, {}],
        "/orders/mine": token,
        "/products/{id}": None,
        "/admin/orders": token,
    }
    assert {"401", "403"} <= set(merged["paths"]["/admin/orders"]["get"]["responses"])
    assert not {"401", "403"} & set(merged["paths"]["/products/{id}"]["get"]["responses"])


def test_the_services_documents_stay_as_they_were() -> None:
    documents = {"orders": description("orders"), "cart": description("cart")}
    before = copy.deepcopy(documents)
    assert merge(documents) == merge(documents)
    assert documents == before


def test_a_body_gets_a_whole_example_of_its_fields_examples_and_a_rooms_own_stands() -> None:
    line = {"properties": {"sku": {"examples": ["MUG"]}, "kind": {"const": "mug"}, "gift": {"default": False}}}
    order = {
        "properties": {
            "id": {"examples": ["ord_1", "ord_2"]},
            "lines": {"items": {"$ref": "#/components/schemas/Line"}},
            "note": {"anyOf": [{"examples": ["Ring"]}, {"type": "null"}]},
            "paid_at": {"anyOf": [{"type": "string"}, {"type": "null"}], "examples": [None]},
            "gift": {"$ref": "#/components/schemas/Line", "default": {"sku": "", "kind": "mug", "gift": False}},
        }
    }
    paths = {"/orders": {"get": _returns("Order")}, "/cart": {"get": _returns("Cart")}, "/x": {"get": _returns("X")}}
    schemas = {
        "Line": line,
        "Order": order,
        "Cart": {"examples": [{"empty": True}], "properties": {"id": {"examples": ["crt_1"]}}},
        "X": {"properties": {"sku": {"examples": ["MUG"]}, "unsaid": {"type": "string"}}},
    }
    merged = merge({"orders": _document(paths, **schemas)})["components"]["schemas"]
    line_shown = {"sku": "MUG", "kind": "mug", "gift": False}
    assert merged["Order"]["examples"] == [
        {"id": "ord_1", "lines": [line_shown], "note": "Ring", "paid_at": None, "gift": line_shown}
    ]
    assert merged["Cart"]["examples"] == [{"empty": True}]
    assert "examples" not in merged["Line"], "no body is a line alone"
    assert "examples" not in merged["X"], "half an example would mislead"


def test_an_answer_may_differ_from_its_forms_example_and_a_problem_shows_its_own_code() -> None:
    gone = _returns("Order")["responses"]["200"]
    gone["content"]["application/json"]["x-but"] = {"state": "cancelled"}
    problem = {"content": {"application/problem+json": {"schema": {}}}, "x-codes": ["not_found", "held"]}
    described = _document(
        {"/orders": {"get": _returns("Order"), "delete": {"responses": {"200": gone, "404": problem}}}},
        Order={"properties": {"id": {"examples": ["ord_1"]}, "state": {"examples": ["paid"]}}},
    )
    orders = merge({"orders": described})["paths"]["/orders"]
    assert orders["delete"]["responses"]["200"]["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/Order"},
        "example": {"id": "ord_1", "state": "cancelled"},
    }
    assert "example" not in orders["get"]["responses"]["200"]["content"]["application/json"]
    shown = orders["delete"]["responses"]["404"]["content"]["application/problem+json"]["example"]
    assert (shown["status"], shown["code"], shown["title"]) == (404, "not_found", "Not found")


def test_a_refusal_of_several_operations_is_written_once() -> None:
    held = {"description": "- `held`", "x-codes": ["held"]}
    gone = {"description": "- `not_found`", "x-codes": ["not_found"]}
    paths = {"/a": {"get": {"responses": {"409": held}}}, "/b": {"get": {"responses": {"409": held, "404": gone}}}}
    merged = merge({"orders": _document(paths)})
    shared = {"$ref": "#/components/responses/Held409"}
    assert merged["components"]["responses"]["Held409"] == held
    assert [merged["paths"][path]["get"]["responses"]["409"] for path in paths] == [shared, shared]
    assert merged["paths"]["/b"]["get"]["responses"]["404"] == gone


def test_the_older_form_says_the_same_as_nearly_as_it_can() -> None:
    schema = {
        "type": "object",
        "properties": {
            "const": {"const": "x"},
            "type": {"type": ["integer", "null"], "exclusiveMinimum": 0},
            "line": {"anyOf": [{"$ref": "#/components/schemas/M"}, {"type": "null"}]},
            "either": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        },
        "examples": [{"type": ["left", "alone"]}],
    }
    shown = for_page({"openapi": "3.1.0", "components": {"schemas": {"M": schema}}})["components"]["schemas"]["M"]
    assert shown == {
        "type": "object",
        "properties": {
            "const": {"enum": ["x"]},
            "type": {"type": "integer", "nullable": True, "minimum": 0, "exclusiveMinimum": True},
            "line": {"allOf": [{"$ref": "#/components/schemas/M"}], "nullable": True},
            "either": {"anyOf": [{"type": "string"}, {"type": "integer"}], "nullable": True},
        },
        "example": {"type": ["left", "alone"]},
    }
