"""The stable codes of problem+json answers (RFC 9457), one catalogue for the whole system.

A code is a promise: clients branch on it. Titles are for people and may be reworded.
"""

from typing import Final

TITLES: Final[dict[str, str]] = {
    # every service
    "malformed_request": "The request could not be read",
    "invalid_request": "The request has fields that are not valid",
    "unauthenticated": "Sign in first",
    "access_expired": "The sign-in has to be renewed",
    "forbidden": "Not allowed",
    "origin_not_allowed": "This request must come from the shop's own pages",
    "not_found": "Not found",
    "method_not_allowed": "This address does not accept that method",
    "stale_version": "It was changed in the meantime",
    "precondition_required": "Say which version you are changing (If-Match)",
    "request_too_large": "The request is too large",
    "unsupported_media_type": "This kind of file or text is not accepted here",
    "idempotency_key_reused": "This Idempotency-Key was used for another request",
    "idempotency_key_required": "This request needs an Idempotency-Key",
    "too_many_requests": "Too many requests",
    "unavailable": "Temporarily unavailable",
    "busy": "Too many are asking at once",
    "timeout": "It took too long",
    "internal": "Something went wrong on our side",
    "conflict": "This conflicts with the current state",
    "already_ended": "It has already ended",
    # auth, users
    "email_taken": "There is already an account with this e-mail",
    "weak_password": "This password is too easy to guess",
    "bad_credentials": "The e-mail or password is wrong",
    "session_ended": "The session has ended; sign in again",
    "token_used": "This link has been used or has expired",
    "address_limit": "No more addresses can be saved",
    "invalid_address": "The address is not complete",
    "confirm_identity": "Sign in again, or give your password",
    "staff_account": "Not for the shop's staff",
    "orders_open": "There are orders under way",
    # catalog
    "slug_taken": "This slug is taken",
    "sku_taken": "Another product has this SKU",
    "media_not_uploaded": "The picture has not arrived yet",
    "media_unreadable": "The file is not a picture that can be read",
    "no_longer_sold": "No longer sold",
    # search
    "cursor_of_another_list": "The cursor belongs to another list",
    # inventory
    "out_of_stock": "Not enough in stock",
    "below_reserved": "More is reserved than would be left",
    "committed": "Its order is paid",
    "different_reservation": "The reservation was made with different lines",
    # cart
    "cart_full": "The cart has too many lines",
    "cart_empty": "The cart is empty",
    "quantity_limit": "Too many of one product",
    # checkout
    "total_changed": "The total has changed",
    "card_declined": "The card was declined",
    "checkout_ended": "This checkout has ended",
    "too_many_unpaid": "Too many orders are waiting for their payment",
    "in_stock": "It is in stock",
    "too_many_wishes": "This address is waiting for too many products",
    "unknown_sku": "No product has this SKU",
    "already_assigned": "It belongs to another order",
    "already_bought": "This cart has already been bought",
    "checkout_failed": "The order could not be placed",
    "shipping_unavailable": "We do not ship there",
    "shipping_option_unknown": "This shipping option is not offered for the address",
    "payment_in_progress": "A payment is under way",
    "too_many_attempts": "Too many cards were tried",
    "no_action_pending": "There is nothing to confirm",
    # orders
    "too_late_to_cancel": "It is too late to cancel this order",
    "order_cancelled": "The order is cancelled",
    "order_not_paid": "The order is not paid",
    "already_paid": "The order is paid",
    "not_captured_yet": "The order's money has not been taken yet",
    "different_order": "The order was made with different contents",
    # payments
    "different_payment": "The payment was made for a different amount or order",
    "payment_not_capturable": "This payment cannot be captured",
    "payment_not_refundable": "This amount cannot be refunded",
    "bad_signature": "The signature is not valid",
    "amount_mismatch": "The amount does not match the order",
    # shipping
    "not_labelled": "No label has been bought for it yet",
    "already_handed_over": "The parcel is already on its way",
    # notifications
    "still_to_be_sent": "It has not been sent yet",
    "no_longer_kept": "It is no longer kept",
}
