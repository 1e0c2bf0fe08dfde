"""The card processor. One interface, `Processor`; Stripe behind it, by its official SDK.

Every call ends in a `Standing`, in Refused, in Unknown or in NotNow; the SDK's own errors stay in this file.
Keys are derived from the payment, so that a repeat is the same call (https://docs.stripe.com/api/idempotent_requests).
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import quote

import aiohttp
import stripe
from pydantic_core import from_json

from bodega.kit.errors import BadRequest
from bodega.kit.telemetry import count, log
from bodega.services.payments.domain import Payment, Refund, Says, Standing
from bodega.services.payments.errors import BadSignature, NotNow, Refused, Unknown

_log = log()
_CLOCK_SKEW_SECONDS: Final = 600
_PAGE: Final = 100
_INTENTS: Final = "/v1/payment_intents"


_SAYS: Mapping[str, Says] = {
    "payment_intent.created": "created",
    "charge.succeeded": "authorized",
    "payment_intent.amount_capturable_updated": "authorized",
    "charge.captured": "captured",
    "payment_intent.succeeded": "captured",
}


@dataclass(frozen=True, slots=True)
class Webhook:
    """The processor says that something has moved; what, is asked of it."""

    id: str
    intent_id: str | None
    says: Says
    """Whether it can be news is known from this; what is true is asked."""


class Processor(Protocol):
    """A card processor. All calls raise Refused, Unknown and NotNow, unless they say less."""

    name: str
    publishable_key: str

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def create(self, payment: Payment) -> Standing:
        """An intent that takes no money before it is confirmed."""

    async def find(self, payment: Payment) -> Standing | None:
        """The intent of a payment, if there is one, by what we wrote on it."""

    async def confirm(self, payment: Payment) -> Standing: ...

    async def retrieve(self, intent_id: str) -> Standing:
        """Raises Unknown, NotNow."""

    async def capture(self, payment: Payment) -> Standing:
        """All of it. Refused: for good, and the amount is still held."""

    async def cancel(self, payment: Payment) -> Standing: ...

    async def refund(self, payment: Payment, refund: Refund) -> None: ...

    async def find_refund(self, payment: Payment, refund: Refund) -> bool:
        """Whether it has happened."""

    def all_since(self, since: datetime, before: datetime | None = None) -> AsyncIterator[Standing]:
        """Every intent made since then, and before then. Raises Unknown, NotNow."""

    def read_webhook(self, body: bytes, signature: str) -> Webhook:
        """Raises: BadSignature; BadRequest, if it is signed and yet no event."""


class Stripe:
    """https://docs.stripe.com/api/payment_intents"""

    name = "stripe"

    def __init__(
        self,
        secret_key: str,
        *,
        publishable_key: str,
        webhook_secret: str,
        api_base: str | None,
        timeout_seconds: float,
        webhook_tolerance_seconds: int,
    ) -> None:
        self.publishable_key = publishable_key
        self._webhook_secret = webhook_secret
        self._tolerance = webhook_tolerance_seconds
        self._http = stripe.AIOHTTPClient(timeout=timeout_seconds)
        # No retries of the SDK's own: it would repeat inside our deadline what we must write down in between.
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else {},
            http_client=self._http,
            max_network_retries=0,
        )

    async def open(self) -> None:
        """Connects with its first call."""

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]

    async def create(self, payment: Payment) -> Standing:
        answer = await self._ask(
            "post",
            _INTENTS,
            {
                "amount": payment.amount.amount,
                "currency": payment.amount.currency.lower(),
                "payment_method": payment.payment_method,
                "allowed_payment_method_types": ["card"],
                "capture_method": "manual",
                "description": payment.description or payment.order_id,
                "metadata": {"payment_id": payment.id, "order_id": payment.order_id},
            },
            key=f"{payment.id}:create:{payment.tries}",
        )
        return _standing(answer)

    async def find(self, payment: Payment) -> Standing | None:
        since = int(payment.created_at.timestamp()) - _CLOCK_SKEW_SECONDS
        async for intent in self._intents({"gte": since}):
            if intent.payment_id == payment.id:
                return intent
        return None

    async def confirm(self, payment: Payment) -> Standing:
        key = f"{payment.id}:confirm:{payment.tries}"
        call = self._ask("post", f"{_path(payment.intent_id)}/confirm", {"return_url": payment.return_url}, key=key)
        return await self._moved(payment, call, away_from=("unconfirmed",))

    async def retrieve(self, intent_id: str) -> Standing:
        try:
            return _standing(await self._ask("get", _path(intent_id), {"expand": ["latest_charge"]}))
        except Refused as refused:
            # An intent does not vanish: these are the keys of another account.
            _log.error("the processor does not know our intent", intent=intent_id, error=refused)
            raise NotNow(str(refused)) from refused

    async def capture(self, payment: Payment) -> Standing:
        key = f"{payment.id}:capture:{payment.tries}"
        call = self._ask("post", f"{_path(payment.intent_id)}/capture", {}, key=key)
        return await self._moved(payment, call, away_from=("authorized",))

    async def cancel(self, payment: Payment) -> Standing:
        # Without a key: it is harmless twice, and an error kept for a key would stand in our way.
        call = self._ask("post", f"{_path(payment.intent_id)}/cancel", {"cancellation_reason": "abandoned"})
        living = ("unconfirmed", "action_required", "processing", "authorized", "declined")
        return await self._moved(payment, call, away_from=living)

    async def _moved(
        self, payment: Payment, call: Awaitable[dict[str, Any]], *, away_from: tuple[str, ...]
    ) -> Standing:
        """What the intent is after a call that moves it. A refusal says little (declined? already done? too late?),
        the intent's state says all.

        Raises: Refused, if it is refused and the intent is where it was.
        """
        try:
            return _standing(await call)
        except Refused:
            standing = await self.retrieve(str(payment.intent_id))
            if standing.status in away_from:
                raise
            return standing

    async def refund(self, payment: Payment, refund: Refund) -> None:
        answer = await self._ask(
            "post",
            "/v1/refunds",
            {
                "payment_intent": str(payment.intent_id),
                "amount": refund.amount,
                "metadata": {"payment_id": payment.id, "refund_id": refund.id},
            },
            key=f"{refund.id}:{refund.tries}",
        )
        if answer["status"] in ("failed", "canceled"):
            raise Refused(answer["status"], "The refund was refused.")

    async def find_refund(self, payment: Payment, refund: Refund) -> bool:
        page = await self._ask("get", "/v1/refunds", {"payment_intent": str(payment.intent_id), "limit": _PAGE})
        return any(one.get("metadata", {}).get("refund_id") == refund.id for one in page["data"])

    def all_since(self, since: datetime, before: datetime | None = None) -> AsyncIterator[Standing]:
        created = {"gte": int(since.timestamp())}
        if before is not None:
            created["lte"] = int(before.timestamp())
        return self._intents(created)

    async def _intents(self, created: Mapping[str, int]) -> AsyncIterator[Standing]:
        params: dict[str, Any] = {"created": created, "limit": _PAGE, "expand": ["data.latest_charge"]}
        while True:
            page = await self._ask("get", _INTENTS, params)
            for intent in page["data"]:
                yield _standing(intent)
            if not page["has_more"]:
                return
            params["starting_after"] = page["data"][-1]["id"]

    def read_webhook(self, body: bytes, signature: str) -> Webhook:
        try:
            stripe.WebhookSignature.verify_header(body, signature, self._webhook_secret, self._tolerance)
            event = from_json(body)
            thing = event["data"]["object"]
            intent_id = thing["id"] if thing["object"] == "payment_intent" else thing.get("payment_intent")
            return Webhook(event["id"], intent_id, _says(event["type"]))
        except stripe.SignatureVerificationError as error:
            raise BadSignature("the signature is missing, wrong or too old") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadRequest("the body is not an event") from error

    async def _ask(
        self, method: str, path: str, params: Mapping[str, Any], *, key: str | None = None
    ) -> dict[str, Any]:
        """One request of the SDK's making; its answer as the JSON that it is. The objects that the SDK would make of it
        cost as much as all else about a call, and nothing here reads them.

        Raises: Refused, Unknown, NotNow.
        """
        options = {} if key is None else {"idempotency_key": key}
        count("processor")
        try:
            answer = await self._client.raw_request_async(method, path, **params, **options)
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            reason = getattr(error.error, "decline_code", None) or error.code or "refused"
            raise Refused(reason, error.user_message or "The payment was refused.") from error
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            _log.error("the processor does not accept our keys", error=error)
            raise NotNow("misconfigured") from error
        except stripe.RateLimitError as error:
            raise NotNow("too many requests") from error
        except (stripe.APIConnectionError, aiohttp.ClientError, TimeoutError) as error:
            raise Unknown(f"no answer: {error}", stored=False) from error
        except stripe.StripeError as error:
            if error.http_status == 409:
                raise NotNow("the same call is still running") from error
            raise Unknown(f"an error of its own: {error}", stored=True) from error
        plain: dict[str, Any] = answer.data
        return plain


def _says(kind: str) -> Says:
    """https://docs.stripe.com/api/events/types"""
    if kind.startswith(("charge.refund", "refund.")):
        return "refunded"
    return _SAYS.get(kind, "something")


_STATUS: Final[dict[str, Any]] = {
    "requires_payment_method": "declined",
    "requires_confirmation": "unconfirmed",
    "requires_action": "action_required",
    "processing": "processing",
    "requires_capture": "authorized",
    "succeeded": "captured",
    "canceled": "canceled",
}


def _path(intent_id: str | None) -> str:
    return f"{_INTENTS}/{quote(str(intent_id), safe='')}"


def _standing(plain: Mapping[str, Any]) -> Standing:
    error = plain.get("last_payment_error") or {}
    charge = plain.get("latest_charge")
    action = plain.get("next_action") or {}
    return Standing(
        intent_id=plain["id"],
        status=_STATUS[plain["status"]],
        payment_id=plain.get("metadata", {}).get("payment_id"),
        amount=plain["amount"],
        currency=plain["currency"].upper(),
        client_secret=plain.get("client_secret"),
        action_url=action.get("redirect_to_url", {}).get("url"),
        captured=plain.get("amount_received", 0),
        refunded=charge["amount_refunded"] if isinstance(charge, dict) and charge.get("captured") else None,
        reason=error.get("decline_code") or error.get("code"),
        message=error.get("message", ""),
    )
