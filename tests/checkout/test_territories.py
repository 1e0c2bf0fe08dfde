"""Where goods are taxed: the table of places that are not their country, and their neighbours, which are."""

import pytest

from bodega.contracts.fields import Address
from bodega.kit.postal import deliverable
from bodega.services.checkout.territories import SAME_AS, TERRITORIES, Territory, own_region, tax_place

pytestmark = pytest.mark.unit


def at(country: str, postal_code: str, city: str = "Town", region: str | None = None) -> Address:
    return Address(
        name="A", line1="Street 1", postal_code=postal_code, city=city, country=country, region=region, phone=None
    )


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (at("DE", "27498", "Helgoland"), (None, "")),
        (at("DE", "78266", "Büsingen am Hochrhein"), (None, "")),
        (at("ES", "35001", "Las Palmas", "Las Palmas"), (None, "")),
        (at("ES", "38001", "Santa Cruz", "Santa Cruz de Tenerife"), (None, "")),
        (at("ES", "51001", "Ceuta", "Ceuta"), (None, "")),
        (at("ES", "52001", "Melilla", "Melilla"), (None, "")),
        (at("FI", "22100", "Mariehamn"), (None, "")),
        (at("AX", "22100", "Mariehamn"), ("AX", "")),
        *((at("FR", f"{code}00", "Ville"), (None, "")) for code in ("971", "972", "973", "974", "976")),
        *((at("FR", f"{code}00", "Ville"), (None, "")) for code in ("975", "977", "978", "986", "987", "988")),
        (at("FR", "98000", "Monaco"), ("FR", "")),
        (at("RE", "97400", "Saint-Denis"), ("RE", "")),
        (at("GR", "630 86", "Karyes"), (None, "")),
        (at("IT", "23041", "Livigno", "SO"), (None, "")),
        (at("IT", "23030", "LIVIGNO", "SO"), (None, "")),
        (at("IT", "22061", "Campione d'Italia", "CO"), (None, "")),
        (at("DK", "3900", "Nuuk"), (None, "")),
        (at("GB", "JE2 3AB", "St Helier"), (None, "")),
        (at("GB", "GY1 1AB", "St Peter Port"), (None, "")),
        (at("NO", "9170", "Longyearbyen"), (None, "")),
        (at("CH", "7563", "Samnaun Dorf"), (None, "")),
        (at("PT", "9500-100", "Ponta Delgada"), ("PT", "20")),
        (at("PT", "9000-013", "Funchal"), ("PT", "30")),
        (at("AT", "6691", "Jungholz"), ("AT", "JM")),
        (at("AT", "6993", "Mittelberg"), ("AT", "JM")),
        (at("MC", "98000", "Monaco"), ("FR", "")),
        (at("IM", "IM1 1AA", "Douglas"), ("GB", "")),
        (at("LI", "9490", "Vaduz"), ("CH", "")),
        (at("US", "94105", "San Francisco", "California"), ("US", "CA")),
    ],
    ids=lambda value: f"{value.country} {value.postal_code}" if isinstance(value, Address) else str(value),
)
def test_an_address_is_taxed_where_the_law_puts_it(address: Address, place: tuple[str | None, str]) -> None:
    found = tax_place(address)
    assert (found.country, found.region) == place


@pytest.mark.parametrize(
    "address",
    [
        at("DE", "27499", "Neuwerk"), at("DE", "78267", "Aach"), at("DE", "22100"), at("DE", "35037", "Marburg"),
        at("ES", "07001", "Palma", "Balearic Islands"), at("ES", "34001", "Palencia"), at("ES", "50001", "Zaragoza"),
        at("FI", "21100", "Naantali"), at("FI", "00220", "Helsinki"),
        at("FR", "20000", "Ajaccio"), at("FR", "95000", "Cergy"), at("FR", "06500", "Menton"),
        at("GR", "630 85", "Ormylia"), at("IT", "23030", "Valdidentro", "SO"), at("IT", "22060", "Cabiate", "CO"),
        at("DK", "3800"), at("DK", "4000", "Roskilde"), at("GB", "G1 1AA", "Glasgow"), at("GB", "BT1 1AA", "Belfast"),
        at("GB", "IM1 1AA", "Douglas"), at("NO", "9180", "Skjervøy"), at("NO", "9016", "Tromsø"),
        at("CH", "7560", "Martina"), at("CH", "7564", "Strada"), at("PT", "1000-001", "Lisboa"),
        at("PT", "8900", "Vila Real"), at("AT", "6600", "Reutte"), at("AT", "6990"),
    ],
    ids=lambda address: f"{address.country} {address.postal_code}",
)  # fmt: skip
def test_the_codes_beside_a_territory_are_the_countrys(address: Address) -> None:
    found = tax_place(address)
    assert (found.country, found.territory) == (address.country, None)
    assert found.region == "" or address.region


def test_a_territory_is_found_as_people_write_its_code() -> None:
    for written in ("27498", " 27498 ", "D-27498", "de 27498"):
        assert tax_place(deliverable(at("DE", written, "Helgoland"))).country is None


@pytest.mark.parametrize("territory", TERRITORIES, ids=lambda one: f"{one.country} {one.name} {one.codes}")
def test_each_entry_says_where_it_comes_from(territory: Territory) -> None:
    assert territory.law
    assert territory.region is None or own_region(territory.country, territory.name) == territory.region


def test_countries_taxed_as_others_are_no_part_of_them() -> None:
    assert all(country != other and law for country, (other, law) in SAME_AS.items())
    assert own_region("PT", "Madeira") == own_region("PT", "30") == "30"
    assert own_region("PT", "Lisbon") == own_region("DE", "JM") == own_region("PT", "") == ""
