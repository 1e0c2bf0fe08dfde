"""What Bodega's services say to each other: events, internal calls, money, ids, problem codes.

One file per service that speaks. Everything here is a frozen pydantic model or a type; no I/O, no
framework. Within a version only optional fields may be added; a break is a new version beside the
old one for a release (design: "Words between services").
"""
