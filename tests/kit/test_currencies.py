"""An amount is the same for services, mails, pages and the card processor, in each currency that a shop may sell in."""

import json
import re
import subprocess
from decimal import Decimal
from typing import Final

import pytest
from babel import Locale

from bodega.kit.currencies import MINOR_DIGITS, UnknownCurrency, in_words, minor_digits, why_not_sold_in
from bodega.platform import pages
from bodega.services.catalog.domain import imports

pytestmark = pytest.mark.unit

# Stripe's documentation, "Supported currencies": charged in whole units.
WHOLE_AT_STRIPE: Final = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)  # fmt: skip
SOLD_IN: Final = sorted(code for code in MINOR_DIGITS if why_not_sold_in(code) is None)
LOCALES: Final = ("en", "en-IE", "en-US", "de-DE", "de-CH", "fr-FR", "es-ES", "ja-JP", "hu-HU", "ar-EG")
_SCRIPT = """
import { minorDigits, money } from "%s";
const given = %s;
console.log(JSON.stringify(given.map(([amount, currency, locale]) =>
  [minorDigits(currency), money({ amount, currency }, locale)])));
"""


def on_pages(*given: tuple[int, str, str]) -> list[tuple[int, str]]:
    """For each amount: the digits of its minor unit, and how a page writes it."""
    script = _SCRIPT % (pages.STOREFRONT / "src/words/money.ts", json.dumps(given))
    done = subprocess.run(
        [pages.node(), "--input-type=module", "-e", script], capture_output=True, text=True, check=True
    )
    return [(digits, text) for digits, text in json.loads(done.stdout)]


def number_in(text: str, digits: int) -> Decimal:
    """The number of an amount in words, whatever groups its digits."""
    figures = "".join(character for character in text if character.isdecimal())
    return Decimal("".join(str(int(figure)) for figure in figures)).scaleb(-digits)


@pytest.mark.parametrize("currency", SOLD_IN)
def test_the_processor_charges_what_is_shown(currency: str) -> None:
    assert minor_digits(currency) == (0 if currency in WHOLE_AT_STRIPE else 2)


def test_services_and_pages_write_the_same_number_in_every_currency_and_locale() -> None:
    wishes = [(199_045, currency, locale) for currency in SOLD_IN for locale in LOCALES]
    for (amount, currency, locale), (digits, on_page) in zip(wishes, on_pages(*wishes), strict=True):
        meant = Decimal(amount).scaleb(-minor_digits(currency))
        assert digits == minor_digits(currency), currency
        assert number_in(on_page, digits) == meant, (currency, locale, on_page)
        in_mail = in_words(amount, currency, Locale.parse(locale, sep="-"))
        assert number_in(in_mail, digits) == meant, (currency, locale, in_mail)


@pytest.mark.parametrize("currency", SOLD_IN)
def test_what_a_sheet_says_is_what_is_shown(currency: str) -> None:
    written = f"{Decimal(199_045).scaleb(-minor_digits(currency)):f}"
    minor = imports._minor_units("price", written, currency)
    assert minor == 199_045
    assert re.sub(r"[^0-9.]", "", in_words(minor, currency)).strip(".") == written


@pytest.mark.parametrize("currency", ["ISK", "UGX", "MGA", "KWD", "BHD", "JOD", "OMR", "TND", "IQD", "LYD"])
def test_a_currency_that_the_processor_counts_otherwise_is_refused(currency: str) -> None:
    assert str(why_not_sold_in(currency)).startswith(f"{currency} cannot be used: the card processor")


@pytest.mark.parametrize("code", ["XXX", "XTS", "XAU", "ITL", "EURO", "eur", ""])
def test_a_code_of_no_current_currency_is_refused(code: str) -> None:
    assert str(why_not_sold_in(code)).endswith("is not the code of a current currency (ISO 4217).")
    with pytest.raises(UnknownCurrency):
        minor_digits(code)
