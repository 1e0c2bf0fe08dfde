"""Whom shipping asks: orders before it acts, the carrier for labels, object storage for their prints."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, Field, ValidationError

from bodega.contracts.fields import Address
from bodega.contracts.orders import BeginFulfilment, CallPeople, OrderStanding
from bodega.kit.errors import Unavailable
from bodega.kit.http import Client, RemoteProblem
from bodega.kit.telemetry import count, log
from bodega.services.shipping.domain import Label, Shipment, parcels_of
from bodega.services.shipping.errors import CarrierRefuses, CarrierSilent, NotYet, OrderEnded
from bodega.services.shipping.settings import Settings

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

_log = log()


class Orders:
    """The judge of every order."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def begin_fulfilment(self, order_id: str, shipment_id: str) -> None:
        """Returns, if the order may be sent; then it can no longer be cancelled.

        Raises: OrderEnded, NotYet, Unavailable.
        """
        try:
            await self._client.post(
                f"/internal/orders/{order_id}/begin-fulfilment", BeginFulfilment(shipment_id=shipment_id), OrderStanding
            )
        except RemoteProblem as problem:
            match problem.code:
                case "order_cancelled" | "already_ended":
                    raise OrderEnded(problem.code) from problem
                case "not_captured_yet" | "order_not_paid":
                    raise NotYet(problem.code) from problem
                case _:
                    raise

    async def call_people(self, order_id: str) -> None:
        """There will be no label by itself: the order, too, says that somebody must look. Raises Unavailable."""
        wish = CallPeople(reason="label_failed")
        await self._client.post(f"/internal/orders/{order_id}/call-people", wish, OrderStanding)


class _Sold(BaseModel):
    label_id: str
    tracking_number: str
    status: str


class _Found(BaseModel):
    items: list[_Sold]


class Carrier:
    """The parcel carrier. Another one is another class with these four calls."""

    def __init__(self, client: Client, key: str, sender: Address) -> None:
        self._client = client
        self._key = {"Authorization": f"Bearer {key}"}
        self._sender = sender

    async def buy(self, shipment: Shipment) -> Label:
        """The label of this shipment: bought now, or the one that this key has bought before.

        Raises: CarrierSilent, if nobody knows whether it was bought; CarrierRefuses.
        """
        headers = {**self._key, "Idempotency-Key": shipment.label_name}
        try:
            answer = await self._client.send("POST", "/labels", body=_wish(shipment, self._sender), headers=headers)
        except Unavailable as error:
            raise CarrierSilent("whether the label was bought is not known") from error
        except RemoteProblem as problem:
            # The carrier knows the key, but with another parcel: ours has bought already, under other settings.
            if problem.status == 409 and (bought := await self.find(shipment.id)) is not None:
                return bought
            raise _refusal(problem) from problem
        sold = _Sold.model_validate_json(answer)
        return Label(id=sold.label_id, tracking_number=sold.tracking_number)

    async def find(self, reference: str) -> Label | None:
        """The label that was bought for this reference, if there is one.

        Raises: Unavailable.
        """
        found = await self._client.get(f"/labels?reference={quote(reference)}", _Found, headers=self._key)
        for sold in found.items:
            if sold.status != "voided":
                return Label(id=sold.label_id, tracking_number=sold.tracking_number)
        return None

    async def void(self, label_id: str) -> None:
        """Gives a label back that was not used. Giving it back twice is harmless.

        Raises: CarrierRefuses, if the parcel is on its way; Unavailable.
        """
        try:
            await self._client.send("POST", f"/labels/{quote(label_id)}/void", headers=self._key)
        except RemoteProblem as problem:
            raise _refusal(problem) from problem

    async def print(self, label_id: str) -> bytes:
        """The label as PDF. Raises Unavailable."""
        return await self._client.send("GET", f"/labels/{quote(label_id)}.pdf", headers=self._key)


def _wish(shipment: Shipment, sender: Address) -> bytes:
    """The parcels as the carrier reads them; the same shipment is always the same bytes."""
    assert shipment.address is not None
    assert shipment.weight_grams is not None
    wish = {
        "reference": shipment.id,
        "service": shipment.service,
        "from": sender.model_dump(exclude_none=True),
        "to": shipment.address.model_dump(exclude_none=True),
        "parcels": [{"weight_grams": grams} for grams in parcels_of(shipment.weight_grams) or ()],
    }
    return json.dumps(wish).encode()


def _refusal(problem: RemoteProblem) -> CarrierRefuses:
    """The carrier's no. That it does not know our key (401, 403) says nothing of the parcel."""
    words = f"the carrier answered {problem.status}: {_said(problem.document) or 'without a reason'}"
    return CarrierRefuses(words, for_good=problem.status not in (401, 403))


def _said(document: Mapping[str, Any]) -> str:
    """The reason in the carrier's words, wherever it puts them: in a message, or in one for each field."""
    error = document.get("error", document)
    if not isinstance(error, dict):
        return str(error)
    for key in ("message", "detail", "title"):
        if error.get(key):
            return str(error[key])
    listed = error.get("errors")
    if isinstance(listed, list) and listed:
        told = [one if isinstance(one, dict) else {"message": one} for one in listed]
        return "; ".join(f"{one.get('pointer', '')} {one.get('message', '')}".strip() for one in told)
    return str(error.get("code", ""))


class _Money(BaseModel):
    amount: Annotated[int, Field(ge=0, le=10**9)]
    currency: str


class _Rate(BaseModel):
    service: str
    cost: _Money


class _Rates(BaseModel):
    rates: Annotated[list[_Rate], Field(max_length=100)]


class CarrierPrices:
    """What the carrier wants for parcels now. Its client has little patience, and a breaker of its own: no shopper
    waits for a carrier that is slow, and buying labels does not suffer from it."""

    def __init__(self, client: Client, key: str, sender: Address) -> None:
        self._client = client
        self._key = {"Authorization": f"Bearer {key}"}
        self._sender = sender

    async def ask(self, to: Address, parcels: Sequence[int], currency: str) -> dict[str, int]:
        """Minor units by service; empty, if there is no answer in time or none that we can use."""
        question = {
            "from": _place(self._sender),
            "to": _place(to),
            "parcels": [{"weight_grams": grams} for grams in parcels],
        }
        try:
            answer = await self._client.send("POST", "/rates", body=json.dumps(question).encode(), headers=self._key)
            rates = _Rates.model_validate_json(answer).rates
        except (Unavailable, RemoteProblem, ValidationError) as error:
            _log.warning("the carrier has told no prices, the table's are taken", error=error)
            return {}
        return {rate.service: rate.cost.amount for rate in rates if rate.cost.currency == currency}


def _place(address: Address) -> dict[str, str]:
    """As much of an address as a price needs; nobody's name."""
    return {"country": address.country, "postal_code": address.postal_code}


class LabelShelf:
    """The labels' prints in object storage: private, read by merchants through us alone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._closing = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: S3Client | None = None

    async def open(self) -> None:
        """Nothing yet: the client is made for the first label. It costs more than the rest of the service's start."""

    async def close(self) -> None:
        await self._closing.aclose()

    async def put(self, label_name: str, pdf: bytes) -> None:
        """Raises Unavailable."""
        async with self._storage() as storage:
            await storage.put_object(
                Bucket=self._settings.s3_bucket, Key=_key(label_name), Body=pdf, ContentType="application/pdf"
            )

    async def get(self, label_name: str) -> bytes:
        """Raises Unavailable."""
        async with self._storage() as storage:
            found = await storage.get_object(Bucket=self._settings.s3_bucket, Key=_key(label_name))
            async with found["Body"] as body:
                pdf: bytes = await body.read()
        return pdf

    async def delete(self, label_name: str) -> None:
        """It may be gone already. Raises Unavailable."""
        async with self._storage() as storage:
            await storage.delete_object(Bucket=self._settings.s3_bucket, Key=_key(label_name))

    @asynccontextmanager
    async def _storage(self) -> AsyncIterator["S3Client"]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            async with self._opening:
                if self._client is None:
                    self._client = await self._connect()
            count("object storage")
            yield self._client
        except (BotoCoreError, ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"object storage does not work: {type(error).__name__}") from error

    async def _connect(self) -> "S3Client":
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        settings = self._settings
        patience = settings.outside_timeout_seconds
        client: S3Client = await self._closing.enter_async_context(
            get_session().create_client(
                "s3",
                endpoint_url=settings.s3_url,
                region_name="us-east-1",
                aws_access_key_id=settings.s3_access_key.get_secret_value(),
                aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
                config=AioConfig(
                    connect_timeout=patience,
                    read_timeout=patience,
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                    request_checksum_calculation="when_required",
                ),
            )
        )
        return client


def _key(label_name: str) -> str:
    return f"{label_name}.pdf"
