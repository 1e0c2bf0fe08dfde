"""How each currency counts its minor unit, and how an amount is written for people.

One table for every part of the shop: services, mails, sheets, pages (which read it as `words/minor-digits.ts`). The
tables of libraries differ from each other: CLDR's, which Babel and browsers use, says how cash is written, and changes
from one release to the next.
"""

from decimal import Decimal
from functools import cache
from typing import Final

from babel import Locale
from babel.numbers import NumberPattern, parse_pattern

_TWO: Final = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP"
    " CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES"
    " KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK"
    " NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB"
    " TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NONE: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"

MINOR_DIGITS: Final[dict[str, int]] = {
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys(_NONE.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
}
"""ISO 4217 code -> digits of the minor unit: 2 for euros, 0 for yen, 3 for dinars. Source: ISO 4217, list one (current
currencies), without units of account, metals and codes for testing."""

_COUNTED_OTHERWISE: Final = frozenset({"ISK", "MGA", "UGX"}) | frozenset(_THREE.split())
"""Of which Stripe's minor unit is another (ISK, UGX: hundredths; MGA: whole), or is rounded to tens (three digits):
the amount charged would not be the one shown. Source: Stripe's documentation, "Supported currencies", on currencies
without decimals, with three, and on special cases."""


class UnknownCurrency(LookupError):
    """No current currency has this code."""


def minor_digits(currency: str) -> int:
    """How many digits of an amount are the minor unit's. Raises UnknownCurrency."""
    try:
        return MINOR_DIGITS[currency]
    except KeyError:
        raise UnknownCurrency(currency) from None


def why_not_sold_in(currency: str) -> str | None:
    """Why a shop cannot have prices in a currency, as a sentence for its operator; None: it can."""
    if currency not in MINOR_DIGITS:
        return f"{currency} is not the code of a current currency (ISO 4217)."
    if currency in _COUNTED_OTHERWISE:
        return (
            f"{currency} cannot be used: the card processor counts its minor unit differently from ISO 4217,"
            " so cards would be charged a different amount from the one shown."
        )
    return None


def in_words(amount: int, currency: str, locale: Locale | str = "en") -> str:
    """An amount of minor units for people: 1290 EUR is `€12.90`, 1290 JPY is `¥1,290`."""
    digits = minor_digits(currency)
    written = Locale.parse(str(locale))
    pattern = _pattern(str(locale), digits)
    return str(pattern.apply(Decimal(amount).scaleb(-digits), written, currency=currency, currency_digits=False))


@cache
def _pattern(locale: str, digits: int) -> NumberPattern:
    pattern = parse_pattern(Locale.parse(locale).currency_formats["standard"].pattern)
    pattern.frac_prec = (digits, digits)
    return pattern
