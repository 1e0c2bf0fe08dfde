"""What the processes that Bodega starts see of the environment of whoever started it: variables that are named here.

A shell holds keys for many things. Whatever is not named is passed on to nobody: a program's own settings and secrets
come from `settings` and from files, tools that fetch packages see their own configuration.
"""

import os
from fnmatch import fnmatchcase
from typing import Final

from bodega.platform.system import LOOPBACK

HARMLESS: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "BODEGA_HOME",
    "LANG", "LANGUAGE", "LC_*", "TZ", "TERM", "COLORTERM", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "CI",
    "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
)  # fmt: skip
"""What everything may see: places, languages, certificates of authorities."""
TRACES: Final = ("OTEL_*",)
"""Where traces are sent, and by which key: for what sends them."""
DOWNLOADS: Final = (
    "http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "PIP_*", "npm_config_*", "NPM_CONFIG_*", "NODE_OPTIONS", "APT_CONFIG",
    "GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH", "GOENV", "GOFLAGS",
    "GOTOOLCHAIN", "CGO_ENABLED", "CC",
)  # fmt: skip
"""Proxies, and what configures pip, npm, apt and Go: for these, and for tests, which call them."""
SUPERVISED: Final = (*TRACES, "BODEGA_STRIPE_*", "BODEGA_SMS_*", "BODEGA_SECRET_*_FILE")
"""What `settings` and `secrets` take from outside: for the supervisor, which writes each service's settings."""


def inherited(*more: str) -> dict[str, str]:
    """Our own variables, as far as they are harmless, or their names match one of `more` (`*`: any letters)."""
    named = (*HARMLESS, *more)
    seen = {name: value for name, value in os.environ.items() if any(fnmatchcase(name, pattern) for pattern in named)}
    # A proxy for the world outside must not be asked for what is on this machine.
    direct = ",".join(filter(None, (seen.get("no_proxy") or seen.get("NO_PROXY"), LOOPBACK, "localhost")))
    return {**seen, "no_proxy": direct, "NO_PROXY": direct}
