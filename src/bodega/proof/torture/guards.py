"""Guards that torture can be run without, to see what they prevent."""

from typing import Final

from bodega.proof.mutations import Edit, Mutation
from bodega.proof.torture.plan import Guard

GUARDS: Final = {
    Guard.FENCE: Mutation(
        "a flow's fence: whoever was overtaken by another owner may not write",
        (
            Edit(
                "kit/flow.py",
                "WHERE id = $1 AND epoch = $2 AND step = $11 AND state <> 'ended'",
                "WHERE id = $1 AND $2::bigint > 0 AND $11::text <> ''",
            ),
        ),
    ),
    Guard.INBOX: Mutation(
        "the inbox's uniqueness: an event that comes again has no effect",
        (
            Edit(
                "kit/migrations/20261124_01_kit.sql",
                "received_at timestamptz NOT NULL DEFAULT now(),\n  PRIMARY KEY (consumer, event_id)",
                "received_at timestamptz NOT NULL DEFAULT now()",
            ),
        ),
    ),
    Guard.STOCK: Mutation(
        "the stock's CHECK, and the second look under the row's lock (either is enough)",
        (
            Edit(
                "services/inventory/migrations/20261124_01_inventory.sql",
                "CONSTRAINT never_promised_twice CHECK (0 <= reserved AND reserved <= on_hand)",
                "CONSTRAINT never_promised_twice CHECK (true)",
            ),
            Edit(
                "services/inventory/migrations/20261201_01_no_clock.sql",
                "    PERFORM FROM stock WHERE sku = ANY (p_skus) ORDER BY sku FOR UPDATE;\n"
                "    short := short_lines(p_skus, p_quantities);\n",
                "    NULL;\n",
            ),
        ),
    ),
    Guard.IDEMPOTENCY_KEY: Mutation(
        "the idempotency key of what is asked of the card processor",
        (
            Edit(
                "services/payments/clients.py",
                'options = {} if key is None else {"idempotency_key": key}',
                "options: dict[str, Any] = {}",
            ),
        ),
    ),
    Guard.PURGE: Mutation(
        "the edge's guard against late refills, and the purger's second sweep",
        (
            Edit(
                "edge/edge.vcl",
                ">= std.real(bereq.http.X-Began, 0.0)) {",
                ">= std.real(bereq.http.X-Began, 0.0) + 86400.0) {",
            ),
            Edit(
                "edge/purger.py", "        self._sweeps.append((self._now() + SWEEP_AFTER_SECONDS, tuple(keys)))\n", ""
            ),
        ),
    ),
}
