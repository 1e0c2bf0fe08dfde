"""A shop small enough to hold in memory, that answers the routes of seeding as the specification says."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MERCHANT = {"email": "merchant@example.com", "password": "a long enough one"}


class ShopDouble:
    """State and routes. What a test wants to go wrong is set on the attributes below."""

    def __init__(self) -> None:
        self.accounts: dict[str, str] = {MERCHANT["email"]: MERCHANT["password"]}
        self.categories: dict[str, Json] = {}
        self.products: dict[str, Json] = {}
        self.files: dict[str, bytes] = {}
        self.ledger: dict[str, list[Json]] = {}
        self.addresses: dict[str, list[Json]] = {}
        self.confirmed: set[str] = set()
        self.carts: dict[str, dict[str, int]] = {}
        self.orders: dict[str, Json] = {}
        self.writes: Counter[str] = Counter()
        self.requests = 0
        self.dies_after: int | None = None  # answers 500 to every later request
        self.busy_answers = 0  # so many requests get 503 first
        self.deaf_reads = 0  # so many ledger reads are made before inventory knows the SKU
        self.stale_writes = 0  # so many PATCHes find that somebody else has just written
        self.tokens_end = 0  # so many requests find that their token has run out
        self.deaf_imports = 0  # so many imports of stock are made before inventory knows any SKU
        self.lost_in_search = 0  # so many products are never found
        self.as_form = False  # uploads by POST of a form, not by PUT

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._mishaps])
        app.add_routes(
            [
                web.post("/auth/login", self.log_in),
                web.post("/auth/register", self.register),
                web.get("/categories", self.list_categories),
                web.post("/admin/categories", self.make_category),
                web.patch("/admin/categories/{slug}", self.change_category),
                web.get("/admin/products/{slug}", self.read_product),
                web.post("/admin/products", self.make_product),
                web.post("/admin/products/import", self.import_products),
                web.post("/admin/inventory/import", self.import_stock),
                web.get("/search", self.search),
                web.patch("/admin/products/{id}", self.change_product),
                web.post("/admin/products/{id}/media", self.make_media),
                web.post("/admin/products/{id}/media/{media}/complete", self.complete_media),
                web.put("/upload/{media}", self.upload),
                web.post("/upload/{media}", self.upload),
                web.get("/admin/inventory/{sku}/ledger", self.read_ledger),
                web.put("/admin/inventory/{sku}", self.set_stock),
                web.get("/users/me/addresses", self.list_addresses),
                web.post("/users/me/addresses", self.add_address),
                web.get("/users/me", self.read_profile),
                web.post("/auth/email/verify", self.verify_email),
                web.delete("/cart", self.empty_cart),
                web.post("/cart", self.add_to_cart),
                web.post("/checkout/quote", self.quote),
                web.post("/checkout", self.check_out),
                web.get("/orders", self.list_orders),
                web.get("/orders/{id}", self.read_order),
                web.get("/admin/orders/{id}", self.read_order),
                web.post("/orders/{id}/cancel", self.cancel_order),
                web.get("/sandbox/mails", self.list_mails),
                web.post("/sandbox/parcels/{tracking}/advance", self.advance_parcel),
                web.get("/v1/payment_intents", self.list_payments),
                web.post("/v1/refunds", self.refund),
            ]
        )
        return app

    def stock(self, sku: str) -> int:
        return sum(entry["delta"] for entry in self.ledger.get(sku, []))

    def adjust(self, sku: str, delta: int) -> None:
        self.ledger[sku].append({"delta": delta})

    @web.middleware
    async def _mishaps(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests += 1
        if self.dies_after is not None and self.requests > self.dies_after:
            return web.json_response({"code": "internal"}, status=500)
        if self.busy_answers:
            self.busy_answers -= 1
            return web.json_response({"code": "unavailable"}, status=503)
        open_to_all = request.path.startswith(("/auth/", "/upload/", "/categories", "/search", "/sandbox/", "/v1/"))
        if not open_to_all:
            if self.tokens_end:
                self.tokens_end -= 1
                return web.json_response({"code": "token_expired"}, status=401)
            if self._who(request) not in self.accounts:
                return web.json_response({"code": "unauthorized"}, status=401)
        if request.path.startswith("/admin/") and self._who(request) != MERCHANT["email"]:
            return web.json_response({"code": "forbidden"}, status=403)
        if request.method == "POST" and not request.path.startswith(("/upload/", "/sandbox/")):
            assert request.headers["Idempotency-Key"]
        response = await handler(request)
        if request.method != "GET" and response.status < 300:
            self.writes[f"{request.method} {request.path.split('/')[-1]}"] += 1
        return response

    @staticmethod
    def _who(request: web.Request) -> str:
        return request.headers.get("Authorization", "").removeprefix("Bearer token-of-")

    async def log_in(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.accounts.get(body["email"]) != body["password"]:
            return web.json_response({"code": "bad_credentials"}, status=401)
        return web.json_response({"access_token": f"token-of-{body['email']}"})

    async def register(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.accounts.setdefault(body["email"], body["password"])
        return web.json_response({}, status=201)

    async def list_categories(self, request: web.Request) -> web.Response:
        return web.json_response({"items": list(self.categories.values()), "next_cursor": None})

    async def make_category(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert body["slug"] not in self.categories
        self.categories[body["slug"]] = body
        return web.json_response(body, status=201)

    async def change_category(self, request: web.Request) -> web.Response:
        self.categories[request.match_info["slug"]] |= await request.json()
        return web.json_response({})

    async def read_product(self, request: web.Request) -> web.Response:
        for found in self.products.values():
            if found["slug"] == request.match_info["slug"]:
                return self._product(found)
        return web.json_response({"code": "not_found"}, status=404)

    @staticmethod
    def _product(found: Json, status: int = 200) -> web.Response:
        # Unprocessed pictures are not shown.
        shown = {**found, "media": [media for media in found["media"] if media["done"]]}
        return web.json_response(shown, status=status, headers={"ETag": f'"{found["version"]}"'})

    async def make_product(self, request: web.Request) -> web.Response:
        body = await request.json()
        if any(found["slug"] == body["slug"] for found in self.products.values()):
            return web.json_response({"code": "slug_taken"}, status=409)
        found = {**body, "id": f"prd_{len(self.products)}", "version": 1, "media": []}
        self.products[found["id"]] = found
        return self._product(found, 201)

    async def change_product(self, request: web.Request) -> web.Response:
        found = self.products[request.match_info["id"]]
        if self.stale_writes:
            self.stale_writes -= 1
            found["version"] += 1
        if request.headers["If-Match"] != f'"{found["version"]}"':
            return web.json_response({"code": "stale"}, status=412)
        found |= await request.json()
        found["version"] += 1
        return self._product(found)

    async def make_media(self, request: web.Request) -> web.Response:
        body, found = await request.json(), self.products[request.match_info["id"]]
        media = {"id": f"{found['id']}-{len(found['media'])}", "done": False, **body}
        found["media"].append(media)
        upload: Json = {"method": "PUT", "url": str(request.url.with_path(f"/upload/{media['id']}"))}
        upload |= (
            {"method": "POST", "fields": {"key": "k"}} if self.as_form else {"headers": {"Content-Type": "image/jpeg"}}
        )
        return web.json_response({"media_id": media["id"], "upload": upload}, status=201)

    async def upload(self, request: web.Request) -> web.Response:
        assert "Authorization" not in request.headers
        if request.method == "POST":
            fields = await request.post()
            assert fields["key"] == "k"
            file = fields["file"]
            assert isinstance(file, web.FileField)
            content = file.file.read()
        else:
            assert request.headers["Content-Type"] == "image/jpeg"
            content = await request.read()
        self.files[request.match_info["media"]] = content
        return web.Response(status=200)

    async def complete_media(self, request: web.Request) -> web.Response:
        found = self.products[request.match_info["id"]]
        media = next(media for media in found["media"] if media["id"] == request.match_info["media"])
        assert len(self.files[media["id"]]) == media["size_bytes"]
        media["done"] = True
        found["version"] += 1
        return web.json_response({"renditions": {}})

    async def import_products(self, request: web.Request) -> web.Response:
        rows = [json.loads(line) for line in (await request.read()).splitlines()]
        known = {found["slug"]: found for found in self.products.values()}
        created = 0
        for row in rows:
            if row["slug"] in known:
                known[row["slug"]] |= row
                continue
            found = {**row, "id": f"prd_{len(self.products)}", "version": 1, "media": []}
            self.products[found["id"]] = found
            created += 1
        return web.json_response({"created": created, "updated": 0, "unchanged": len(rows) - created, "failed": 0})

    async def import_stock(self, request: web.Request) -> web.Response:
        assert request.query["partial"] == "true"
        rows = [json.loads(line) for line in (await request.read()).splitlines()]
        assert len(rows) <= 1_000
        skus = {variant["sku"] for found in self.products.values() for variant in found["variants"]}
        deaf, self.deaf_imports = self.deaf_imports > 0, self.deaf_imports - 1
        errors = []
        for row in rows:
            assert row["version"] == 1
            if deaf or row["sku"] not in skus:
                errors.append({"sku": row["sku"], "code": "not_found"})
            elif self.ledger.get(row["sku"]):
                errors.append({"sku": row["sku"], "code": "stale_version"})
            else:
                self.ledger[row["sku"]] = [{"delta": row["on_hand"]}]
        return web.json_response({"updated": len(rows) - len(errors), "errors": errors})

    async def search(self, request: web.Request) -> web.Response:
        wanted = set(request.query.getall("category"))
        found = [one for one in self.products.values() if wanted & set(one["categories"])][self.lost_in_search :]
        in_stock = sum(any(self.stock(variant["sku"]) for variant in one["variants"]) for one in found)
        return web.json_response({"items": [], "total": len(found), "facets": {"in_stock": in_stock}})

    def _knows(self, sku: str) -> bool:
        return any(
            found["status"] == "published" and any(variant["sku"] == sku for variant in found["variants"])
            for found in self.products.values()
        )

    async def read_ledger(self, request: web.Request) -> web.Response:
        sku = request.match_info["sku"]
        if self.deaf_reads or not self._knows(sku):
            self.deaf_reads -= 1
            return web.json_response({"code": "unknown_sku"}, status=404)
        return web.json_response({"items": self.ledger.get(sku, []), "next_cursor": None})

    async def set_stock(self, request: web.Request) -> web.Response:
        sku, body = request.match_info["sku"], await request.json()
        assert self._knows(sku)
        self.ledger.setdefault(sku, []).append({"delta": body["on_hand"] - self.stock(sku)})
        return web.json_response({"sku": sku, **body})

    async def list_addresses(self, request: web.Request) -> web.Response:
        return web.json_response({"items": self.addresses.get(self._who(request), []), "next_cursor": None})

    async def add_address(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.addresses.setdefault(self._who(request), []).append(body)
        return web.json_response(body, status=201)

    async def read_profile(self, request: web.Request) -> web.Response:
        return web.json_response({"email_verified": self._who(request) in self.confirmed})

    async def verify_email(self, request: web.Request) -> web.Response:
        email = (await request.json())["token"].removeprefix("proof-of-").replace("-at-", "@").replace("-dot-", ".")
        self.confirmed.add(email)
        return web.Response(status=204)

    async def list_mails(self, request: web.Request) -> web.Response:
        token = f"proof-of-{request.query['to'].replace('@', '-at-').replace('.', '-dot-')}"
        return web.json_response({"items": [{"text": f"Welcome: http://shop/account/verify-email#token={token}\n"}]})

    async def empty_cart(self, request: web.Request) -> web.Response:
        self.carts[self._who(request)] = {}
        return web.Response(status=204)

    async def add_to_cart(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert self.stock(body["sku"]) >= body["quantity"]
        self.carts[self._who(request)][body["sku"]] = body["quantity"]
        return web.json_response({}, status=201, headers={"Cart-Token": f"cart-of-{self._who(request)}"})

    async def quote(self, request: web.Request) -> web.Response:
        assert request.headers["Cart-Token"] == f"cart-of-{self._who(request)}"
        total = {"amount": 100, "currency": "EUR"}
        return web.json_response({"shipping_option": "standard", "totals": {"total": total}})

    async def check_out(self, request: web.Request) -> web.Response:
        buyer = self._who(request)
        lines = self.carts.pop(buyer)
        for sku, quantity in lines.items():
            self.adjust(sku, -quantity)
        order_id = f"ord_{len(self.orders)}"
        self.orders[order_id] = {"buyer": buyer, "state": "shipped", "lines": lines}
        return web.json_response({"status": "completed", "order": {"id": order_id}}, status=201)

    async def list_orders(self, request: web.Request) -> web.Response:
        mine = [id_ for id_, order in reversed(self.orders.items()) if order["buyer"] == self._who(request)]
        at = int(request.query.get("cursor", 0))
        cursor = str(at + 2) if at + 2 < len(mine) else None
        return web.json_response({"items": [{"id": id_} for id_ in mine[at : at + 2]], "next_cursor": cursor})

    async def read_order(self, request: web.Request) -> web.Response:
        order_id = request.match_info["id"]
        order = self.orders[order_id]
        return web.json_response(
            {
                "id": order_id,
                "state": order["state"],
                "cancellable": order["state"] == "shipped",
                "cancellable_until": None,
                "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in order["lines"].items()],
                "tracking": {"number": f"parcel-of-{order_id}"},
                "payment_id": f"pay-of-{order_id}",
            }
        )

    async def cancel_order(self, request: web.Request) -> web.Response:
        self.orders[request.match_info["id"]]["state"] = "cancelled"
        return web.json_response({})

    async def advance_parcel(self, request: web.Request) -> web.Response:
        assert await request.json() == {"to": "delivered"}
        order = self.orders[request.match_info["tracking"].removeprefix("parcel-of-")]
        assert order["state"] == "shipped"
        order["state"] = "delivered"
        return web.json_response({})

    async def list_payments(self, request: web.Request) -> web.Response:
        found = [{"id": f"pi-{id_}", "metadata": {"payment_id": f"pay-of-{id_}"}} for id_ in self.orders]
        return web.json_response({"data": found})

    async def refund(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.orders[str(form["payment_intent"]).removeprefix("pi-")]["state"] = "refunded"
        return web.json_response({})

    def picture(self) -> str:
        """All of the state that seeding is about, to compare."""
        products = [
            {
                **{key: value for key, value in found.items() if key not in {"id", "version"}},
                "media": sorted(
                    (media["alt"], sorted(media["variant_skus"])) for media in found["media"] if media["done"]
                ),
            }
            for found in sorted(self.products.values(), key=lambda found: str(found["slug"]))
        ]
        stock = {sku: self.stock(sku) for sku in sorted(self.ledger)}
        orders = sorted((order["buyer"], order["state"], sorted(order["lines"])) for order in self.orders.values())
        return json.dumps(
            [self.categories, products, stock, self.addresses, sorted(self.confirmed), orders], sort_keys=True
        )
