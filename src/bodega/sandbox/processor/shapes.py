"""The objects as Stripe writes them (checked against its published OpenAPI)."""

from __future__ import annotations

import hashlib
from typing import Any

from bodega.sandbox.processor import API_VERSION
from bodega.sandbox.processor.cards import CARDS
from bodega.sandbox.processor.machine import Charge, Intent, Method, Refund

_NO_ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}


def _billing(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": {**_NO_ADDRESS, **(given.get("address") or {})}, "email": given.get("email"),
        "name": given.get("name"), "phone": given.get("phone"), "tax_id": None,
    }  # fmt: skip


def _shipping(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    return {
        "address": {**_NO_ADDRESS, **(given.get("address") or {})}, "carrier": given.get("carrier"),
        "name": given.get("name"), "phone": given.get("phone"), "tracking_number": given.get("tracking_number"),
    }  # fmt: skip


def _fingerprint(number: str) -> str:
    return hashlib.sha256(number.encode()).hexdigest()[:16]


def method(it: Method) -> dict[str, Any]:
    """A PaymentMethod."""
    card = it.behaviour
    return {
        "id": it.id, "object": "payment_method", "allow_redisplay": "unspecified",
        "billing_details": _billing(it.billing),
        "card": {
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": card.country, "display_brand": card.brand, "exp_month": it.exp_month, "exp_year": it.exp_year,
            "fingerprint": _fingerprint(card.number), "funding": card.funding, "generated_from": None,
            "last4": card.number[-4:], "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated", "three_d_secure_usage": {"supported": True}, "wallet": None,
        },
        "created": it.created, "customer": None, "customer_account": None, "livemode": False, "metadata": it.metadata,
        "type": "card",
    }  # fmt: skip


def intent(it: Intent, base_url: str) -> dict[str, Any]:
    """A PaymentIntent; `base_url` is where the sandbox's challenge page lives."""
    options: dict[str, Any] = {"card": {
        "installments": None, "mandate_options": None, "network": None,
        "request_three_d_secure": it.request_three_d_secure,
    }}  # fmt: skip
    return {
        "id": it.id, "object": "payment_intent", "allowed_payment_method_types": it.allowed_payment_method_types,
        "amount": it.amount, "amount_capturable": it.amount_capturable,
        "amount_details": {"tip": {}}, "amount_received": it.amount_received, "application": None,
        "application_fee_amount": None, "automatic_payment_methods": it.automatic_payment_methods,
        "canceled_at": it.canceled_at, "cancellation_reason": it.cancellation_reason,
        "capture_method": it.capture_method, "client_secret": it.client_secret,
        "confirmation_method": it.confirmation_method, "created": it.created, "currency": it.currency,
        "customer": it.customer, "customer_account": None, "description": it.description,
        "excluded_payment_method_types": it.excluded_payment_method_types,
        "last_payment_error": it.last_payment_error,
        "latest_charge": it.latest_charge, "livemode": False, "metadata": it.metadata,
        "managed_payments": None,
        "next_action": _next_action(it, base_url), "on_behalf_of": None, "payment_method": it.payment_method,
        "payment_method_configuration_details": None, "payment_method_options": options,
        "payment_method_types": it.payment_method_types, "processing": None, "receipt_email": it.receipt_email,
        "review": None, "setup_future_usage": it.setup_future_usage, "shipping": _shipping(it.shipping),
        "statement_descriptor": it.statement_descriptor,
        "statement_descriptor_suffix": it.statement_descriptor_suffix, "status": it.status, "transfer_data": None,
        "transfer_group": it.transfer_group,
    }  # fmt: skip


def challenge_url(it: Intent, base_url: str) -> str:
    """Where the shopper answers the bank's question."""
    return f"{base_url}/sandbox/challenges/{it.id}?client_secret={it.client_secret}"


def _next_action(it: Intent, base_url: str) -> dict[str, Any] | None:
    if it.status != "requires_action":
        return None
    url = challenge_url(it, base_url)
    if it.return_url:
        return {"redirect_to_url": {"return_url": it.return_url, "url": url}, "type": "redirect_to_url"}
    # Without a return_url Stripe leaves the challenge to its own script; the address is in the same place there.
    return {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url, "source": f"src_{it.id[3:]}"},
    }


def charge(it: Charge, base_url: str) -> dict[str, Any]:
    """A Charge."""
    card = CARDS[it.card]
    failed = it.status == "failed"
    failure = it.failure or {}
    three_d_secure = {
        "authentication_flow": "challenge", "electronic_commerce_indicator": "05", "exemption_indicator": None,
        "result": "authenticated", "result_reason": None, "transaction_id": _fingerprint(it.id), "version": "2.2.0",
    }  # fmt: skip
    details: dict[str, Any] = {
        "amount_authorized": None if failed else it.amount,
        "authorization_code": None if failed else _fingerprint(it.id)[:6].upper(),
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card.country, "exp_month": it.exp_month, "exp_year": it.exp_year,
        "extended_authorization": {"status": "disabled"}, "fingerprint": _fingerprint(card.number),
        "funding": card.funding, "incremental_authorization": {"status": "unavailable"}, "installments": None,
        "last4": card.number[-4:], "mandate": None, "multicapture": {"status": "unavailable"}, "network": card.brand,
        "network_token": {"used": False}, "network_transaction_id": _fingerprint(it.id)[:15],
        "overcapture": {"maximum_amount_capturable": it.amount, "status": "unavailable"},
        "regulated_status": "unregulated", "three_d_secure": three_d_secure if it.three_d_secure else None,
        "transaction_link_id": None, "wallet": None,
    }  # fmt: skip
    if it.capture_before is not None and not failed:
        details["capture_before"] = it.capture_before
    return {
        "id": it.id, "object": "charge", "amount": it.amount, "amount_captured": it.amount_captured,
        "amount_refunded": it.amount_refunded, "application": None, "application_fee": None,
        "application_fee_amount": None, "balance_transaction": None, "billing_details": _billing(it.billing),
        "calculated_statement_descriptor": "BODEGA", "captured": it.amount_captured > 0, "created": it.created,
        "currency": it.currency, "customer": None, "description": it.description, "disputed": False,
        "failure_balance_transaction": None, "failure_code": failure.get("code"),
        "failure_message": failure.get("message"), "fraud_details": {}, "livemode": False, "metadata": it.metadata,
        "on_behalf_of": None,
        "outcome": {
            "advice_code": failure.get("advice_code"), "network_advice_code": None, "network_decline_code": None,
            "network_status": "declined_by_network" if failed else "approved_by_network",
            "reason": failure.get("decline_code"), "risk_level": "normal",
            "seller_message": "The bank declined the payment." if failed else "Payment complete.",
            "type": "issuer_declined" if failed else "authorized",
        },
        "paid": not failed, "payment_intent": it.payment_intent, "payment_method": it.payment_method,
        "payment_method_details": {"card": details, "type": "card"}, "radar_options": {},
        "receipt_email": it.receipt_email, "receipt_number": None,
        "receipt_url": f"{base_url}/payments/{it.payment_intent}",
        "refunded": it.status == "succeeded" and it.amount_refunded == it.amount, "review": None,
        "shipping": _shipping(it.shipping), "source_transfer": None, "statement_descriptor": None,
        "statement_descriptor_suffix": it.statement_descriptor_suffix, "status": it.status, "transfer_data": None,
        "transfer_group": None,
    }  # fmt: skip


def refund(it: Refund) -> dict[str, Any]:
    """A Refund."""
    return {
        "id": it.id, "object": "refund", "amount": it.amount, "balance_transaction": None, "charge": it.charge,
        "created": it.created, "currency": it.currency,
        "destination_details": {
            "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number",
                     "type": "reversal" if it.released else "refund"},
            "type": "card",
        },
        "metadata": it.metadata, "payment_intent": it.payment_intent, "reason": it.reason, "receipt_number": None,
        "source_transfer_reversal": None, "status": "succeeded", "transfer_reversal": None,
    }  # fmt: skip


def event(identifier: str, kind: str, created: int, body: dict[str, Any], request_id: str | None, key: str | None) -> (
    dict[str, Any]
):  # fmt: skip
    """An Event with a snapshot of the object that it is about."""
    return {
        "id": identifier, "object": "event", "api_version": API_VERSION, "created": created, "data": {"object": body},
        "livemode": False, "pending_webhooks": 1, "request": {"id": request_id, "idempotency_key": key}, "type": kind,
    }  # fmt: skip


def page(url: str, items: list[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    """A list."""
    return {"object": "list", "data": items, "has_more": has_more, "url": url}
