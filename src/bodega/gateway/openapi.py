"""One OpenAPI document out of the services' own: what the gateway lets through, and what it may answer by itself.

`merge` is pure. Components of two services that have one name and are the same are kept once; those that differ (or
lead to some that differ) get their service's name in front.
"""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from bodega.contracts.problems import TITLES
from bodega.gateway.access import ACCESS_COOKIE
from bodega.gateway.examples import complete
from bodega.gateway.replies import PROBLEM_JSON, PROBLEM_TYPE, problem
from bodega.platform.system import Route

VERSION: Final = "3.1.0"

_HIDDEN_PATHS: Final = ("/internal", "/livez", "/readyz", "/healthz", "/metrics", "/openapi.json", "/docs", "/redoc")
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_CHANGING: Final = ("put", "post", "delete", "patch")
_NOT_SCHEMA: Final = ("example", "examples", "default", "enum")
_TOKEN: Final = "accessToken"  # noqa: S105 (a scheme's name)
_COOKIE: Final = "accessCookie"
_DESCRIPTION: Final = """The API of the shop, as its gateway serves it.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Money is `{amount, currency}` in minor units.
A request that is refused with 429, 503 or 504 says in `Retry-After` when to ask again."""

# What the gateway answers by itself: name of the component -> (status, code, words).
_OWN_ANSWERS: Final[dict[str, tuple[int, str, str]]] = {
    "MalformedRequest": (400, "malformed_request", "The request is not well-formed."),
    "Unauthenticated": (401, "unauthenticated", "No access token, or one that is not valid or has run out."),
    "Forbidden": (403, "forbidden", "The role does not allow it."),
    "OriginNotAllowed": (403, "origin_not_allowed", "A request with the site's cookie came from another site."),
    "RequestTooLarge": (413, "request_too_large", "The body is too large."),
    "TooManyRequests": (429, "too_many_requests", "Too many requests from this address."),
    "HeadersTooLarge": (431, "request_too_large", "The header fields are too large."),
    "Unavailable": (503, "unavailable", "The service does not answer at the moment; trying again is safe."),
    "Timeout": (504, "timeout", "The service took too long; what was asked may have been done."),
}
_RETRY_AFTER: Final = (429, 503, 504)
_REQUEST_ID: Final = "5f0c1d1e-6c1f-4c8e-9d51-0d3f8b7f4a11"

Document = dict[str, Any]
Component = tuple[str, str]  # section and name, as in #/components/<section>/<name>


class ClashError(ValueError):
    """Two services describe the same method of the same path."""


def merge(documents: Mapping[str, Mapping[str, Any]], routes: Iterable[Route] = ()) -> Document:
    """The services' documents, by service, as one. Raises ClashError if two describe one operation.

    With the gateway's `routes`, only what they let through is described, and each operation says what token it needs.
    """
    routes = tuple(routes)
    ours = {service: _public(document, routes) for service, document in documents.items()}
    renames = _renames(ours)
    merged: Document = {
        "openapi": VERSION,
        "info": {"title": "Bodega", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [],
        "paths": {},
        "components": {"schemas": {}},
    }
    for service, document in ours.items():
        renamed = _renamed(document, renames[service])
        merged["tags"].append(_tag(service, document))
        _add_paths(merged["paths"], service, renamed["paths"])
        for section, components in renamed["components"].items():
            merged["components"].setdefault(section, {}).update(components)
    _unify_operation_ids(merged["paths"])
    _require_tokens(merged["paths"], routes)
    _add_own_answers(merged)
    _add_security(merged)
    complete(merged["components"]["schemas"], [operation for _, _, operation in _operations(merged["paths"])])
    _share_refusals(merged)
    merged["paths"] = dict(sorted(merged["paths"].items()))
    return merged


def for_page(document: Mapping[str, Any]) -> Document:
    """The same in OpenAPI 3.0, which the page's viewer reads. What 3.0 cannot say is said as nearly as it can."""
    return {**_as_3_0(document), "openapi": "3.0.3"}


def _public(document: Mapping[str, Any], routes: tuple[Route, ...]) -> Document:
    """Without what is not served from outside, and without the components that only that needed."""
    paths = {
        path: copy.deepcopy(item)
        for path, item in document.get("paths", {}).items()
        if not any(_is_below(path, hidden) for hidden in _HIDDEN_PATHS) and (not routes or _route_of(path, routes))
    }
    components = document.get("components", {})
    needed: set[Component] = set()
    waiting = list(_references(paths))
    while waiting:
        section, name = waiting.pop()
        if (section, name) not in needed and name in components.get(section, {}):
            needed.add((section, name))
            waiting += _references(components[section][name])
    kept: dict[str, dict[str, Any]] = {}
    for section, name in sorted(needed):
        kept.setdefault(section, {})[name] = copy.deepcopy(components[section][name])
    if schemes := components.get("securitySchemes"):
        kept["securitySchemes"] = copy.deepcopy(schemes)
    return {"info": document.get("info", {}), "paths": paths, "components": kept}


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def _route_of(path: str, routes: tuple[Route, ...]) -> Route | None:
    """The route that a path takes: the longest that fits, as in the gateway."""
    fitting = (route for route in routes if path == route.path or (not route.exact and _is_below(path, route.path)))
    return max(fitting, key=lambda route: len(route.path), default=None)


def _references(node: Any) -> Iterator[Component]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield from _component(node["$ref"])
        mapping = (
            node.get("discriminator", {}).get("mapping", {}) if isinstance(node.get("discriminator"), dict) else {}
        )
        for target in mapping.values():
            yield from _component(target)
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _component(reference: str) -> Iterator[Component]:
    parts = reference.split("/")
    if len(parts) == 4 and parts[:2] == ["#", "components"]:
        yield parts[2], parts[3]


def _renames(documents: Mapping[str, Document]) -> dict[str, dict[Component, str]]:
    """For each service the new names of those of its components that cannot keep theirs."""
    holders: dict[Component, dict[str, Any]] = {}
    for service, document in documents.items():
        for section, components in document["components"].items():
            for name, component in components.items():
                holders.setdefault((section, name), {})[service] = component
    shared = {component: by for component, by in holders.items() if len(by) > 1}
    clashing = {component for component, by in shared.items() if len({_text(value) for value in by.values()}) > 1}
    # What is written the same but refers to something that differs is not the same: go on until nothing is added.
    while more := {c for c, by in shared.items() if c not in clashing and clashing & _all_references(by)}:
        clashing |= more
    renames: dict[str, dict[Component, str]] = {service: {} for service in documents}
    for section, name in sorted(clashing):
        for service in holders[section, name]:
            new = f"{service.title()}{name}"
            while (section, new) in holders:
                new += "_"
            renames[service][section, name] = new
    return renames


def _all_references(by: Mapping[str, Any]) -> set[Component]:
    return {reference for component in by.values() for reference in _references(component)}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _renamed(document: Document, renames: Mapping[Component, str]) -> Document:
    def target(reference: str) -> str:
        for section, name in _component(reference):
            return f"#/components/{section}/{renames.get((section, name), name)}"
        return reference

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(value) for value in node]
        if not isinstance(node, dict):
            return node
        new = {key: walk(value) for key, value in node.items()}
        if isinstance(node.get("$ref"), str):
            new["$ref"] = target(node["$ref"])
        if isinstance(node.get("discriminator"), dict) and "mapping" in node["discriminator"]:
            new["discriminator"]["mapping"] = {k: target(v) for k, v in node["discriminator"]["mapping"].items()}
        return new

    components = {
        section: {renames.get((section, name), name): walk(component) for name, component in named.items()}
        for section, named in document["components"].items()
    }
    paths = walk(document["paths"])
    for _, _, operation in _operations(paths):
        if "security" in operation:
            operation["security"] = [
                {renames.get(("securitySchemes", name), name): scopes for name, scopes in requirement.items()}
                for requirement in operation["security"]
            ]
    return {"paths": paths, "components": components}


def _tag(service: str, document: Document) -> Document:
    description = document["info"].get("description") or document["info"].get("summary")
    return {"name": service, **({"description": description} if description else {})}


def _add_paths(merged: Document, service: str, paths: Mapping[str, Any]) -> None:
    for path, item in paths.items():
        there = merged.setdefault(path, {})
        for key, value in item.items():
            if key in there and key in _METHODS:
                raise ClashError(f"{key.upper()} {path} of {service} is described by another service too")
            if key in _METHODS:
                value["tags"] = [service]
            there[key] = value


def _operations(paths: Mapping[str, Any]) -> Iterator[tuple[str, str, Document]]:
    for path, item in paths.items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _unify_operation_ids(paths: Mapping[str, Any]) -> None:
    """Operation ids are unique over the document: those used twice get their service's name in front."""
    seen: dict[str, list[Document]] = {}
    for _, _, operation in _operations(paths):
        if "operationId" in operation:
            seen.setdefault(operation["operationId"], []).append(operation)
    for name, operations in seen.items():
        if len(operations) > 1:
            for operation in operations:
                operation["operationId"] = f"{operation['tags'][0]}_{name}"


def _require_tokens(paths: Mapping[str, Any], routes: tuple[Route, ...]) -> None:
    for path, _, operation in _operations(paths):
        if (route := _route_of(path, routes)) is not None and route.access != "open":
            nobody: list[Document] = [{}] if route.access == "optional" else []
            operation.setdefault("security", [{_TOKEN: []}, {_COOKIE: []}, *nobody])


def _add_own_answers(merged: Document) -> None:
    components = merged["components"]
    components["schemas"]["GatewayProblem"] = _problem_schema()
    components["responses"] = {
        **components.get("responses", {}),
        **{f"Gateway{name}": _own_answer(*answer) for name, answer in _OWN_ANSWERS.items()},
    }
    for path, method, operation in _operations(merged["paths"]):
        responses = operation.setdefault("responses", {})
        for name in _own_names(path, method, operation):
            status, code, _ = _OWN_ANSWERS[name]
            answer = responses.setdefault(str(status), {"$ref": f"#/components/responses/Gateway{name}"})
            if code not in answer.get("x-codes", [code]):  # the service answers so, too, for reasons of its own
                answer["x-codes"].append(code)
                answer["description"] += f"\n- `{code}`: {TITLES[code]}."


def _own_names(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield from ("MalformedRequest", "TooManyRequests", "HeadersTooLarge", "Unavailable", "Timeout")
    if operation.get("security"):
        yield "Unauthenticated"
    if path.startswith("/admin/"):
        yield "Forbidden"
    if method in _CHANGING:
        yield "OriginNotAllowed"
    if "requestBody" in operation:
        yield "RequestTooLarge"


def _own_answer(status: int, code: str, words: str) -> Document:
    example = {**problem(status, code), "detail": words, "request_id": _REQUEST_ID}
    answer: Document = {
        "description": f"- `{code}`: {TITLES[code]}.\n\n{words}",
        "x-codes": [code],
        "content": {
            PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/GatewayProblem"}, "example": example},
        },
    }
    if status in _RETRY_AFTER:
        seconds = {"schema": {"type": "integer", "examples": [1]}, "description": "Seconds after which to ask again."}
        answer["headers"] = {"Retry-After": seconds}
    return answer


def _problem_schema() -> Document:
    text = {"type": "string"}
    return {
        "type": "object",
        "title": "Problem of the gateway",
        "description": "What the gateway answers by itself (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {
                **text,
                "description": "The code as an address.",
                "examples": [PROBLEM_TYPE + "too_many_requests"],
            },
            "title": {**text, "description": "What the code means.", "examples": [TITLES["too_many_requests"]]},
            "status": {"type": "integer", "description": "The answer's own, once more.", "examples": [429]},
            "code": {**text, "description": "Stable: programs branch on it.", "examples": ["too_many_requests"]},
            "detail": {
                **text,
                "description": "What happened this time.",
                "examples": ["Too many requests from this address."],
            },
            "request_id": {
                "type": ["string", "null"],
                "description": "Give it when asking for help.",
                "examples": [_REQUEST_ID],
            },
        },
    }


def _share_refusals(merged: Document) -> None:
    """A refusal of many operations is written once: they would be most of the document."""
    places: dict[str, list[tuple[Document, str]]] = {}
    for _, _, operation in _operations(merged["paths"]):
        for status, answer in operation["responses"].items():
            if "x-codes" in answer:
                places.setdefault(_text(answer), []).append((operation["responses"], status))
    for first, *others in places.values():
        if others:
            answers, status = first
            name = f"{_camel(answers[status]['x-codes'])}{status}"
            while name in merged["components"]["responses"]:
                name += "_"
            merged["components"]["responses"][name] = answers[status]
            for answers, status in (first, *others):
                answers[status] = {"$ref": f"#/components/responses/{name}"}


def _camel(codes: Iterable[str]) -> str:
    return "Or".join(code.title().replace("_", "") for code in codes)


def _add_security(merged: Document) -> None:
    """One name for the access token, however the services call it; the site's cookie stands in for it."""
    schemes: Document = merged["components"].setdefault("securitySchemes", {})
    bearers = {name for name, scheme in schemes.items() if _is_bearer(scheme)}
    for name in bearers:
        del schemes[name]
    schemes[_TOKEN] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of `POST /auth/login`; good for ten minutes.",
    }
    schemes[_COOKIE] = {
        "type": "apiKey",
        "in": "cookie",
        "name": ACCESS_COOKIE,
        "description": "The same token as the site's cookie. What changes something then needs the site's Origin. "
        "Where the site has TLS the cookie's name is `__Host-bodega_access`.",
    }
    for _, _, operation in _operations(merged["paths"]):
        if "security" in operation:
            operation["security"] = list(_with_cookie(operation["security"], bearers))


def _with_cookie(requirements: list[Document], bearers: set[str]) -> Iterator[Document]:
    for requirement in requirements:
        others = {name: scopes for name, scopes in requirement.items() if name not in bearers}
        if len(others) == len(requirement):
            yield requirement
        else:
            yield {_TOKEN: [], **others}
            yield {_COOKIE: [], **others}


def _is_bearer(scheme: Mapping[str, Any]) -> bool:
    return scheme.get("type") == "http" and str(scheme.get("scheme", "")).lower() == "bearer"


def _as_3_0(node: Any) -> Any:
    if isinstance(node, list):
        return [_as_3_0(value) for value in node]
    if not isinstance(node, dict):
        return node
    new = {key: value if key in _NOT_SCHEMA else _as_3_0(value) for key, value in node.items()}
    if isinstance(new.get("type"), list):
        kinds = [kind for kind in new["type"] if kind != "null"]
        new = {**new, "type": kinds[0] if len(kinds) == 1 else "string", "nullable": len(kinds) < len(new["type"])}
    for word in ("anyOf", "oneOf"):
        if isinstance(new.get(word), list) and {"type": "null"} in new[word]:
            rest = [option for option in new.pop(word) if option != {"type": "null"}]
            new = {**new, "nullable": True, **({"allOf": rest} if len(rest) == 1 else {word: rest})}
    if "const" in new and not isinstance(new["const"], dict):
        new["enum"] = [new.pop("const")]
    if isinstance(new.get("examples"), list):
        examples = new.pop("examples")
        new |= {"example": examples[0]} if examples else {}
    for bound in ("Minimum", "Maximum"):
        limit = new.get(f"exclusive{bound}")
        if isinstance(limit, (int, float)) and not isinstance(limit, bool):
            new |= {bound.lower(): limit, f"exclusive{bound}": True}
    return new
