"""Where a country's tax is not that of the country: places outside its tax territory, and those with rates of their
own. They are told by their postal codes, as people write their addresses with the country's name.

The places are those of Council Directive 2006/112/EC (the EU's VAT Directive), Articles 6 and 7, and of the laws that
each entry names. Left out on purpose: differences that are less than a whole address can tell (Corsica's rates for
some goods, Büsingen's place in the Swiss territory), and Northern Ireland, whose rates are the United Kingdom's.
"""

import re
from dataclasses import dataclass
from typing import Final

from bodega.contracts.fields import Address
from bodega.kit.postal import region_code

EU: Final = "Directive 2006/112/EC, Article 6"


@dataclass(frozen=True, slots=True)
class Territory:
    """A part of a country, by its postal codes (letters and digits alone, from their beginning), or by the town."""

    name: str
    country: str
    codes: str
    """A regular expression."""
    law: str
    region: str | None = None
    """The region of the table that has its rates; None: none of the country's tax is due there."""
    town: str | None = None
    """Where other towns share the postal code: the town's name."""


@dataclass(frozen=True, slots=True)
class TaxPlace:
    """Where an address lies for the purposes of tax."""

    country: str | None
    """The country whose rates hold; None: outside every tax territory, goods are sent there as an export."""
    region: str = ""
    territory: Territory | None = None


TERRITORIES: Final = (
    # Outside the tax territory of their country.
    Territory("Heligoland", "DE", r"27498", EU),
    Territory("Büsingen", "DE", r"78266", EU),
    Territory("the Canary Islands", "ES", r"35|38", EU),
    Territory("Ceuta", "ES", r"51", EU),
    Territory("Melilla", "ES", r"52", EU),
    Territory("the Åland Islands", "FI", r"22", EU),
    Territory("the French territories overseas", "FR", r"97|98(?!0)", EU),
    Territory("Mount Athos", "GR", r"6308[67]", EU),
    Territory("Livigno", "IT", r"23041", EU),
    Territory("Livigno", "IT", r"23030", EU, town="livigno"),
    Territory("Campione d’Italia", "IT", r"22061", EU),
    Territory("Greenland", "DK", r"39\d\d", "Directive 2006/112/EC, Article 5; the Danish VAT Act, section 2"),
    Territory("the Channel Islands", "GB", r"JE|GY", "Value Added Tax Act 1994, section 96"),
    Territory("Svalbard", "NO", r"917\d", "the Norwegian VAT Act, section 1-2"),
    Territory("Jan Mayen", "NO", r"8099", "the Norwegian VAT Act, section 1-2"),
    Territory("Samnaun", "CH", r"756[23]", "the Swiss VAT Act, Article 4"),
    # With rates of their own.
    Territory("the Azores", "PT", r"9[5-9]", "the Portuguese VAT Code, Article 18(3)", region="20"),
    Territory("Madeira", "PT", r"9[0-4]", "the Portuguese VAT Code, Article 18(3)", region="30"),
    Territory("Jungholz and Mittelberg", "AT", r"6691|699[123]", "the Austrian VAT Act, section 10(4)", region="JM"),
)
SAME_AS: Final = {
    "MC": ("FR", "Directive 2006/112/EC, Article 7"),
    "IM": ("GB", "the Isle of Man's Customs and Excise Agreement of 1979"),
    "LI": ("CH", "the treaty on value added tax between Switzerland and Liechtenstein of 1994"),
}
"""Countries of their own, whose tax is another's."""


def tax_place(address: Address) -> TaxPlace:
    """Whose rates hold for goods that are sent there."""
    code = "".join(c for c in (address.postal_code or "").upper() if c.isalnum())
    for one in TERRITORIES:
        if one.country == address.country and re.match(one.codes, code) and _is_in(one, address.city):
            return TaxPlace(one.country if one.region else None, one.region or "", one)
    country, _ = SAME_AS.get(address.country, (address.country, ""))
    return TaxPlace(country, region_code(address.country, address.region) if country == address.country else "")


def own_region(country: str, name: str) -> str:
    """The code of a place with rates of its own, by that or by its name; empty: there is none."""
    of_country = [one for one in TERRITORIES if one.country == country]
    return next((one.region for one in of_country if one.region and name in (one.region, one.name)), "")


def _is_in(territory: Territory, town: str | None) -> bool:
    return territory.town is None or territory.town in (town or "").casefold()
