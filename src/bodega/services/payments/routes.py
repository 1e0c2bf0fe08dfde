"""The HTTP door of payments: parse, authorise, call, shape the answer."""

import asyncio
import time
from dataclasses import dataclass
from typing import Annotated
from uuid import NAMESPACE_URL, uuid5

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from bodega.contracts.ids import CustomerId, PaymentId, new_id, order_number
from bodega.contracts.money import Price
from bodega.contracts.payments import (
    AuthorizePayment,
    MoneyAudit,
    NextAction,
    PaymentsConfig,
    RefundRequest,
    UnmatchedMoney,
)
from bodega.contracts.payments import Payment as PaymentAnswer
from bodega.contracts.privacy import Erasure, Person, PersonalData, erased_email
from bodega.kit import idempotency
from bodega.kit.app import Db, RawBody, problems
from bodega.kit.auth import Caller, Merchant, Staff, called_by
from bodega.kit.db import Database
from bodega.kit.deadline import remaining_seconds
from bodega.kit.errors import AlreadyEnded, Forbidden, Invalid, Unauthenticated
from bodega.kit.idempotency import IdempotencyKey, KeyReused, StillRunning
from bodega.services.payments import domain, service, store
from bodega.services.payments.clients import Processor
from bodega.services.payments.domain import Payment
from bodega.services.payments.errors import (
    AlreadyPaid,
    BadSignature,
    DifferentPayment,
    NotCapturable,
    NotRefundable,
    PaymentInProgress,
    PaymentNotFound,
)
from bodega.services.payments.flows import Workers
from bodega.services.payments.schemas import GiveBack, LedgerLine, OrderPayments, PaymentView, RefundView
from bodega.services.payments.settings import Settings

_ANSWER_SECONDS = 1.0
_RESERVE_SECONDS = 0.25
"""Of the caller's budget, for our own answer."""

public = APIRouter(prefix="/payments", tags=["payments"])
admin = APIRouter(prefix="/admin/payments", tags=["payments (staff)"])
internal = APIRouter(prefix="/internal/payments", include_in_schema=False)
persons = APIRouter(prefix="/internal/customers", include_in_schema=False, dependencies=[Depends(called_by("users"))])


async def _workers(request: Request) -> Workers:
    workers: Workers = request.app.state.workers
    return workers


async def _processor(request: Request) -> Processor:
    processor: Processor = request.app.state.processor
    return processor


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


Driving = Annotated[Workers, Depends(_workers)]
TheProcessor = Annotated[Processor, Depends(_processor)]
TheSettings = Annotated[Settings, Depends(_settings)]
Reference = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_\s\u2010-\u2015-]{1,64}$"), AfterValidator(order_number)
]
"""Of a payment or an order; an order's number as people type it."""


class Heard(BaseModel):
    """Answer to a webhook."""

    received: bool = Field(default=True, description="It need not be sent again")


class KeyRequired(Invalid):
    code = "idempotency_key_required"


# --- the world --------------------------------------------------------------------------------------


@public.get("/config")
async def read_config(processor: TheProcessor, settings: TheSettings) -> PaymentsConfig:
    """What a card form needs. Card data goes from the browser to the processor and never through here."""
    return PaymentsConfig(
        provider="stripe" if settings.stripe_api_base is None else "sandbox",
        publishable_key=processor.publishable_key,
        methods=["card"],
        card_form_url=settings.card_form_url,
    )


@public.post("/webhooks/stripe", responses=problems(BadSignature))
async def hear_stripe(
    body: RawBody,
    db: Db,
    processor: TheProcessor,
    workers: Driving,
    signature: Annotated[
        str,
        Header(
            alias="Stripe-Signature",
            max_length=1000,
            description="Over time and body, at most 5 minutes old",
            examples=["t=1795183393,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd"],
        ),
    ] = "",
) -> Heard:
    """What the processor tells. In any order, any number of times: it is a hint to ask."""
    webhook = processor.read_webhook(body, signature)
    if webhook.intent_id is not None and await _is_news(db, workers, webhook.intent_id, webhook.says):
        async with db.transaction() as tx:
            event_id = str(uuid5(NAMESPACE_URL, f"{processor.name}/{webhook.id}"))
            await service.hear_webhook(tx, event_id, webhook.intent_id, webhook.says)
            tx.after_commit(workers.wake)
    return Heard()


async def _is_news(db: Database, workers: Workers, intent_id: str, says: domain.Says) -> bool:
    """Whether it may be. Waits a moment for the answer to a call that is under way: it mostly says what the webhook
    says, which would else make it worthless, so that the processor is asked again."""
    if says == "created":  # we have made it
        return False
    until = time.monotonic() + _ANSWER_SECONDS
    await workers.answered(intent_id, _ANSWER_SECONDS)
    while True:
        async with db.reading() as tx:
            payment, asked_about = await store.payment_of_intent(tx, intent_id)
        if payment is None or not domain.is_news(payment, says):
            return False
        if not asked_about or time.monotonic() > until:
            return True
        await asyncio.sleep(0.05)


# --- other services ---------------------------------------------------------------------------------


@internal.post("", status_code=201, responses=problems(AlreadyEnded, PaymentInProgress, DifferentPayment))
async def authorize(
    wanted: AuthorizePayment, response: Response, db: Db, _: Caller, workers: Driving, settings: TheSettings
) -> PaymentAnswer:
    """Asks the bank to hold the amount, and answers how far that has come within the caller's deadline. The same id
    again answers the present state."""
    hand = workers.hand()
    admitted = await service.begin(wanted, hand) if wanted.attempt == 1 else None
    if admitted is None:
        admitted = await _admit(db, wanted, hand)
    other = admitted.payment
    if admitted.in_the_way and (domain.superseded(other) or other.void_wanted):
        await workers.hurry(other.id, _budget(settings) / 2)
        admitted = await _admit(db, wanted, hand)
    if admitted.in_the_way:
        raise PaymentInProgress(
            "another attempt to pay for this order is not over yet",
            payment_id=admitted.payment.id,
            payment_status="authorized" if domain.adoptable(admitted.payment) else "unknown",
        )
    if admitted.held is None:
        response.status_code = 200
    at_rest = await workers.hurry(wanted.payment_id, _budget(settings), admitted.held)
    return _shaped(at_rest) if at_rest is not None else await _answer(db, wanted.payment_id)


async def _admit(db: Database, wanted: AuthorizePayment, hand: store.Hand) -> service.Admission:
    async with db.transaction() as tx:
        return await service.authorize(tx, wanted, hand)


@internal.get("/unmatched")
async def read_unmatched(db: Db, _: Caller, settings: TheSettings) -> MoneyAudit:
    async with db.reading() as tx:
        found = await store.list_unmatched(tx, grace_seconds=settings.unmatched_grace_seconds, limit=100)
        differs = await store.ledger_differs(tx, limit=100)
    return MoneyAudit(
        unmatched=[
            UnmatchedMoney(
                intent_id=one.intent_id, payment_id=one.payment_id, status=one.status, amount=one.amount,
                first_seen=one.first_seen,
            )
            for one in found
        ],
        ledger_differs=differs,
    )  # fmt: skip


@internal.get("/{payment_id}", responses=problems(PaymentNotFound))
async def read_payment(
    payment_id: PaymentId,
    db: Db,
    _: Caller,
    workers: Driving,
    settings: TheSettings,
    refresh: Annotated[bool, Query(description="Ask the processor first")] = False,
) -> PaymentAnswer:
    if refresh:
        await _ask_again(payment_id, db, workers, settings)
    return await _answer(db, payment_id)


@internal.post("/{payment_id}/confirm-result", responses=problems(PaymentNotFound))
async def confirm_result(
    payment_id: PaymentId, db: Db, _: Caller, workers: Driving, settings: TheSettings
) -> PaymentAnswer:
    """The shopper is back from the bank's challenge: how it ended is asked of the processor."""
    await _ask_again(payment_id, db, workers, settings)
    return await _answer(db, payment_id)


@internal.post("/{payment_id}/capture", responses=problems(PaymentNotFound, NotCapturable))
async def capture(payment_id: PaymentId, db: Db, _: Caller, workers: Driving, settings: TheSettings) -> PaymentAnswer:
    async with db.transaction() as tx:
        await service.capture(tx, payment_id)
    await workers.hurry(payment_id, _budget(settings))
    return await _answer(db, payment_id)


@internal.post("/{payment_id}/void", status_code=202, responses=problems(PaymentNotFound, AlreadyPaid))
async def void(payment_id: PaymentId, db: Db, _: Caller, workers: Driving, settings: TheSettings) -> PaymentAnswer:
    """It is given up, or given back if it was taken. For ever: this cannot be undone."""
    async with db.transaction() as tx:
        await service.void(tx, payment_id)
    await workers.hurry(payment_id, _budget(settings))
    return await _answer(db, payment_id)


@internal.post(
    "/{payment_id}/refund",
    responses=problems(PaymentNotFound, NotRefundable, KeyRequired, KeyReused, StillRunning),
)
async def refund(
    payment_id: PaymentId,
    wish: RefundRequest,
    response: Response,
    body: RawBody,
    db: Db,
    _: Caller,
    workers: Driving,
    settings: TheSettings,
    key: IdempotencyKey = None,
) -> PaymentAnswer:
    """Gives money back. The same key again gives nothing more and answers the present state."""
    made = await _give_back(f"refund/{payment_id}", key, body, payment_id, wish, db, workers, settings)
    if made.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return await _answer(db, payment_id)


# --- staff ------------------------------------------------------------------------------------------


@admin.get("", responses=problems(Unauthenticated, Forbidden, PaymentNotFound))
async def read_payments(
    db: Db,
    _: Staff,
    order_id: Annotated[
        Reference, Query(description="The order's number (`BDG-…`) or id (`ord_…`)", examples=["BDG-TNDA-FC5E"])
    ],
) -> OrderPayments:
    """Every attempt to pay for an order, what was given back, and the ledger of it all."""
    async with db.reading() as tx:
        found = await store.find_order_id(tx, order_id)
        if found is None:
            raise PaymentNotFound("nobody has tried to pay for this order")
        payments = await store.list_payments(tx, found)
        refunds = await store.refunds_of(tx, found)
        lines = await store.ledger_of(tx, found)
    return OrderPayments(
        order_id=found,
        payments=[_payment_view(one, [r for r in refunds if r.payment_id == one.id]) for one in payments],
        ledger=[
            LedgerLine(
                at=line.at,
                payment_id=line.payment_id,
                entry=line.booking.entry,
                source=line.booking.source,
                target=line.booking.target,
                amount=Price(amount=line.booking.amount, currency=line.currency),
            )
            for line in lines
        ],
    )


@admin.post(
    "/{payment_or_order_id}/refunds",
    status_code=201,
    responses=problems(
        Unauthenticated, Forbidden, PaymentNotFound, NotRefundable, KeyRequired, KeyReused, StillRunning
    ),
)
async def give_back(
    payment_or_order_id: Annotated[
        Reference,
        Path(
            description="A payment's id (`pay_…`), or an order's number or id: then the payment that it has accepted",
            examples=["BDG-TNDA-FC5E"],
        ),
    ],
    wish: GiveBack,
    response: Response,
    body: RawBody,
    db: Db,
    merchant: Merchant,
    workers: Driving,
    settings: TheSettings,
    key: IdempotencyKey = None,
) -> RefundView:
    """Gives the shopper money back, of this payment or of the one that the order has accepted. The order's history and
    a mail to the shopper follow. `wanted`: the processor has not answered yet; it is asked until it does."""
    payment_id = payment_or_order_id
    if not payment_id.startswith("pay_"):
        async with db.reading() as tx:
            order_id = await store.find_order_id(tx, payment_id)
            money = await store.find_money(tx, order_id) if order_id is not None else None
        if money is None or money.payment_id is None:
            raise PaymentNotFound("no payment was accepted for this order")
        payment_id = money.payment_id
    scope = f"refunds/{payment_id}/{merchant.subject}"
    made = await _give_back(scope, key, body, payment_id, RefundRequest(**dict(wish)), db, workers, settings)
    response.headers["Location"] = f"/admin/payments?order_id={made.order_id}"
    if made.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return _refund_view(made.refund, made.currency)


@dataclass(frozen=True, slots=True)
class _GivenBack:
    order_id: str
    currency: str
    refund: store.KeptRefund
    replayed: bool


async def _give_back(
    scope: str, key: str | None, body: bytes, payment_id: str, wish: RefundRequest, db: Database, workers: Workers,
    settings: Settings,
) -> _GivenBack:  # fmt: skip
    """Raises: KeyRequired, KeyReused, PaymentNotFound; NotRefundable, also if the processor refuses."""
    if key is None:
        raise KeyRequired("a refund needs an Idempotency-Key: repeated without one, it would be another refund")
    refund_id = new_id("rfd")
    async with db.transaction() as tx:
        before = await idempotency.claim(tx, scope, key, body, resource_id=refund_id)
        if before is None:
            await service.refund(tx, payment_id, refund_id, wish)
        else:
            refund_id = before.resource_id or ""
    await workers.hurry(payment_id, _budget(settings))
    async with db.reading() as tx:
        payment = await store.get_payment(tx, payment_id)
        made = await store.get_refund(tx, refund_id)
    if made.refund.state == "refused":
        raise NotRefundable(f"the processor refuses: {made.refund.reason}", reason=made.refund.reason)
    return _GivenBack(payment.order_id, payment.amount.currency, made, before is not None)


# --- users, about a person --------------------------------------------------------------------------


@persons.post("/{customer_id}/export")
async def export_customer(customer_id: CustomerId, person: Person, db: Db) -> PersonalData:
    async with db.reading() as tx:
        held = await store.export_orders(tx, person.order_ids)
    return PersonalData(data={"payments": held} if held else {})


@persons.post("/{customer_id}/erase")
async def erase_customer(customer_id: CustomerId, person: Person, db: Db) -> Erasure:
    async with db.transaction() as tx:
        count = await store.pseudonymise_payments(tx, person.order_ids, erased_email(customer_id))
    return Erasure(pseudonymised={"payments": count})


async def _ask_again(payment_id: str, db: Db, workers: Workers, settings: Settings) -> None:
    async with db.transaction() as tx:
        await service.ask_again(tx, payment_id)
    await workers.hurry(payment_id, _budget(settings))


def _budget(settings: Settings) -> float:
    return remaining_seconds(settings.request_timeout_seconds) - _RESERVE_SECONDS


# --- shapes -----------------------------------------------------------------------------------------


async def _answer(db: Db, payment_id: str) -> PaymentAnswer:
    async with db.reading() as tx:
        payment = await store.get_payment(tx, payment_id)
    return _shaped(payment)


def _shaped(payment: Payment) -> PaymentAnswer:
    currency = payment.amount.currency
    waiting = payment.state == "action_required" and payment.action_url is not None
    return PaymentAnswer(
        payment_id=payment.id,
        order_id=payment.order_id,
        status=payment.status,
        amount=payment.amount,
        captured=Price(amount=payment.captured, currency=currency),
        refunded=Price(amount=payment.refunded, currency=currency),
        next_action=NextAction(url=payment.action_url or "") if waiting else None,
        client_secret=payment.client_secret if payment.state == "action_required" else None,
        reason=payment.reason,
        message=payment.message,
    )


def _payment_view(payment: Payment, refunds: list[store.KeptRefund]) -> PaymentView:
    currency = payment.amount.currency
    left = payment.captured - payment.refunding if payment.state == "captured" else 0
    return PaymentView(
        payment_id=payment.id,
        checkout_id=payment.checkout_id,
        attempt=payment.attempt,
        status=payment.status,
        amount=payment.amount,
        captured=Price(amount=payment.captured, currency=currency),
        refunded=Price(amount=payment.refunded, currency=currency),
        refundable=Price(amount=left, currency=currency),
        reason=payment.reason,
        reference=payment.intent_id,
        created_at=payment.created_at,
        refunds=[_refund_view(one, currency) for one in refunds],
    )


def _refund_view(kept: store.KeptRefund, currency: str) -> RefundView:
    return RefundView(
        refund_id=kept.refund.id,
        payment_id=kept.payment_id,
        amount=Price(amount=kept.refund.amount, currency=currency),
        status=kept.refund.state,
        reason=kept.refund.reason,
        created_at=kept.created_at,
    )
