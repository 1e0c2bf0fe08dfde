"""Our cookies, as browsers keep them where the site has TLS: under the prefixes of RFC 6265bis (4.1.3).

A page of a sibling host name (`blog.example.com` beside `shop.example.com`) can set a cookie for the whole domain, and
a server cannot tell it from its own. What bears `__Host-` can be set by this host alone, for all its paths;
`__Secure-`, for cookies of one path, by TLS alone. Services name their cookies without a prefix; `kit.http.Front` puts
it on and takes it off.
"""

_OURS = "bodega_"
_WHOLE_HOST = "__Host-"
_ONE_PATH = "__Secure-"


def kept_as(name: str, path: str = "/") -> str:
    """What a browser keeps our cookie as."""
    return (_WHOLE_HOST if path == "/" else _ONE_PATH) + name


def received(header: str) -> str:
    """A `Cookie` header as services know it. A cookie of ours without its prefix is not ours."""
    pairs = [pair.strip() for pair in header.split(";")]
    return "; ".join(named for pair in pairs if (named := _unprefixed(pair)))


def _unprefixed(pair: str) -> str:
    for prefix in (_WHOLE_HOST, _ONE_PATH):
        if pair.startswith(prefix + _OURS):
            return pair.removeprefix(prefix)
    return "" if pair.startswith(_OURS) else pair


def sent(header: str) -> str:
    """A `Set-Cookie` header of a service, as browsers are to keep it."""
    if not header.startswith(_OURS):
        return header
    name, _, rest = header.partition("=")
    attributes = dict(part.strip().lower().partition("=")[::2] for part in rest.split(";")[1:])
    return f"{kept_as(name, attributes.get('path', ''))}={rest}" + ("" if "secure" in attributes else "; Secure")
