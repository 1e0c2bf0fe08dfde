"""The one door of the API: Envoy, configured from platform.toml.

Owns: what may come in (routes, tokens, roles, origins, sizes, rates), how long it may take, and what is answered when
it may not. It owns no data and makes no decision of commerce.

Promises: `/internal` and the services' own health and metrics do not exist from outside, in any spelling; no header
that a client sends can pass for one of ours; every refusal is problem+json with a stable code; only what is safe to
repeat is repeated.

`render.envoy_config` makes the configuration, `docs.create_app` serves the merged OpenAPI and its page.
"""
