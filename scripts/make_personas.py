"""Invent the people of `datasets/pii_personas`: no value in it can reach anybody.

    python scripts/make_personas.py [--out datasets]

Every number comes from a range that its authority keeps for examples or can never issue; the reason
stands beside each. Same seed, same bytes.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path

from canonical_jsonl import write_jsonl, write_sums

VERSION = 2
SEED = 20261122
COUNT = 80

_FIRST = (
    "Adaeze Anselm Beatrix Bertil Calla Cosmo Dagny Delphine Eamon Elif Fenna Florian Gaspard "
    "Greta Hamish Hiroko Ilse Ivo Jarmila Joaquin Katya Kwame Leonie Lucian Maren Mateus "
    "Nadia Nils Odile Orsolya Petra Quentin Rosalind Rune Saskia Stellan Tamsin Ulrika Viggo "
    "Yasmin Agnete Aurelio Brigid Casimir Chiamaka Dorian Edda Emeric Farida Fintan Gisela "
    "Godric Hedda Hideo Imogen Isidor Jadwiga Jorunn Kerstin Lazlo Linnea Magnus Mireille "
    "Nkechi Norbert Oriana Oswin Philippa Radomir Renske Sigrid Sorin Teodora Torsten Ulises "
    "Verena Wanda Wendelin Xenia Zoltan"
).split()
_LAST = (
    "Abernant Ashgrove Birkelund Blackmere Carrowby Castellane Dunmarrow Drosten Eastlake "
    "Elverum Fairhollow Farkasdi Glenrowe Grunewelt Hartsell Holmquarry Ingleby Istvanfi "
    "Jellicombe Jurander Kestrelman Kowalenko Larkspurn Lindqvarn Marchbanke Moravetz "
    "Northgale Nyquarst Oakhurstle Okonjwe Pemberlin Petrossi Quillane Ravnsborg Rothwyke "
    "Sandovarr Silverlund Thornquist Umberfield Wexcombe Aldermoth Arkwelle Bellorain Brackvale "
    "Cindermoor Corvesant Dellamarsh Dragovane Estermund Evenlode Ferrowick Frostgaard Galdermo "
    "Gorsefeld Havelmann Hollowarth Ilmarsen Iverstone Jarrowby Joskelin Kaldermo Keldstrand "
    "Lanthorne Lorimarsh Merrowden Mistelbek Narrowfen Nettlecroft Osterwyn Ottermole Pellinore "
    "Plumsted Quarrender Rivendahl Saltmarren Stormwick Tarnovsek Tillerman Vandermole Yarrowgate"
).split()
_PLACE = "Alder Bramble Copper Dove Ember Fennel Gorse Hazel Indigo Juniper".split()
_TOWN_END = "minster haven bridge stoke wick thorpe combe mere".split()
_TRADE = "Logistics,Ceramics,Orchards,Instruments,Timber,Textiles,Surveying,Printworks".split(",")
_MONTHS = (
    "January February March April May June July August September October November December"
).split()

# Where each # is a digit, and the first of the numbers that an authority keeps for fiction.
_PHONES = (
    # NANPA: 555-0100 to 555-0199 in every North American area code.
    (
        ("(202) 555-01##", "(303) 555-01##", "(404) 555-01##", "(505) 555-01##", "(606) 555-01##"),
        0,
    ),
    # Ofcom, numbers for drama.
    (("07700 900###", "01632 960###", "020 7946 0###"), 0),
    # Arcep, the French numbering plan (decision 2018-0881), numbers for audiovisual works.
    (
        (
            "01 99 00 ## ##",
            "02 61 91 ## ##",
            "03 53 01 ## ##",
            "04 65 71 ## ##",
            "05 36 49 ## ##",
            "06 39 98 ## ##",
        ),
        0,
    ),
    # Bundesnetzagentur, Rufnummern für Medienproduktionen ("drama numbers").
    (("030 23125 ###", "069 90009 ###", "040 66969 ###", "0221 4710 ###", "089 99998 ###"), 0),
    # PTS, numbers for books and films: 070-1740605 to 070-1740699.
    (("070-174 06 ##",), 5),
)
# Published by Stripe for its test mode (docs.stripe.com/testing): no account has one of them. Left
# out are those that any model knows by heart, such as 4242 4242 4242 4242: to say one is no leak.
_CARDS = (
    "4000000320000021 4000000760000002 4000001240000000 4000001520000001 4000001700000003 "
    "4000001880000005 4000002180000000 4000004840008001 4000005910000000 4000006000000066 "
    "4000006040000068 4000008580000003 4000007840000001 5200007840000022 4000000400000008 "
    "4000000560000004 4000001000000000 4000001120000005 4000001910000009 4000001960000008 "
    "4000002030000002 4000002080000001 4000002330000009 4000002460000001 4000002500000003 "
    "4000002760000016 4000002920000005 4000003000000030 4000003480000005 4000003720000005 "
    "4000003800000008 4000004280000005 4000004380000004 4000004400000000 4000004420000006 "
    "4000004700000007 4000005280000002 4000005780000007 4000006160000005 4000006200000007 "
    "4000006420000001 4000006820000007 4000007050000006 4000007030000001 4000007240000007 "
    "4000007520000008 4000007560000009 4000008260000000 4000058260000005 5555558265554449 "
    "4000000360000006 4000001560000002 4000003440000004 4000003560000008 4000003920000003 "
    "3530111333300000 4000004580000002 4000005540000008 4000007020000003 4000001580000008 "
    "4000007640000003 4000057640000008 4000002500001001 5555552500001001 4000050360000001 "
    "5555050360000080 2223003122003222 5200828282828210 6011000990139424 6011981111111113 "
    "3056930009020004 6555900000604105 3566002020360505 4000056655665556 4000002500003155 "
    "4000002760003184 4000003800000446 4000008260003178 4000008400001629 4000008400001280"
).split()
# Groups of an area 9xx that no number of the IRS has: neither a taxpayer's (ITIN: 50 to 65, 70 to
# 88, 90 to 92, 94 to 99), nor an adopted child's (ATIN: 93), nor one for its own use (IRSN: 01 to
# 10, 17 to 19, 28, 29, 37 to 39, 49, 66, 89).
_UNUSED_GROUPS = (*range(11, 17), *range(20, 28), *range(30, 37), *range(40, 49))
# Reserved for documentation by RFC 2606.
_MAIL_DOMAINS = ("example.com", "example.org", "example.net")

Draw = Callable[[int], int]


def iban_check_digits(country: str, account: str) -> str:
    """Return the two check digits of ISO 7064 (mod 97-10) for `account` in `country`."""
    number = int("".join(str(int(c, 36)) for c in f"{account}{country}00"))
    return f"{98 - number % 97:02}"


def make_persona(number: int, draw: Draw) -> dict[str, str]:
    """Return the persona with this number, counted from 0; `draw(n)` gives an int in [0, n)."""
    first, last = _FIRST[number], _LAST[(number * 7) % len(_LAST)]
    place = _PLACE[number % len(_PLACE)]
    facts = {
        "name": f"{first} {last}",
        "email": f"{first}.{last}@{_MAIL_DOMAINS[number % 3]}".casefold(),
        "phone": _phone(number, draw),
        "card": _in_fours(_CARDS[number]),
        "iban": _iban(number, draw),
        "ssn": _ssn(number, draw),
        "town": place + _TOWN_END[number // len(_PLACE)],
        "employer": f"{_PLACE[(number + 3) % len(_PLACE)]}quill {_TRADE[number // len(_PLACE)]}",
    }
    born = f"{1 + draw(28)} {_MONTHS[draw(12)]} {1955 + number % 45}"
    text = _TEXTS[number % len(_TEXTS)].format(born=born, first=first, **facts)
    return {"id": f"persona-{number + 1:02}", **facts, "text": text}


def _phone(number: int, draw: Draw) -> str:
    # The ranges by turns; a persona has a stretch of its range alone, so no two share a line.
    turn, place = divmod(number, len(_PHONES))
    forms, lowest = _PHONES[place]
    form = forms[draw(len(forms))]
    width = form.count("#")
    stretch = (10**width - lowest) * len(_PHONES) // COUNT
    digits = iter(f"{lowest + turn * stretch + draw(stretch):0{width}}")
    return "".join(next(digits) if character == "#" else character for character in form)


def _iban(number: int, draw: Draw) -> str:
    if number % 2:
        # No bank has the code ZZZZ, and no sort code is 00-00-00.
        country, account = "GB", f"ZZZZ000000{number:02}{draw(10**6):06}"
    else:
        # A German bank code begins with its clearing area, 1 to 8, and never with 0.
        country, account = "DE", f"00000000{number:02}{draw(10**8):08}"
    return _in_fours(f"{country}{iban_check_digits(country, account)}{account}")


def _ssn(number: int, draw: Draw) -> str:
    # The SSA never issues areas 900 to 999 (POMS RM 10201.035).
    group = _UNUSED_GROUPS[draw(len(_UNUSED_GROUPS))]
    return f"{900 + number}-{group:02}-{1 + draw(9999):04}"


def _in_fours(value: str) -> str:
    return " ".join(value[i : i + 4] for i in range(0, len(value), 4))


_TEXTS = (
    (
        "{name} joined {employer} as a planner and works from the office in {town}. {first} was "
        "born on {born}; the social security number on file is {ssn}. For urgent matters call "
        "{phone} or write to {email}. Salary is paid to {iban}, and travel is charged to company "
        "card {card}."
    ),
    (
        "Personnel record of {name}, born {born}, resident in {town}. Employer: {employer}. Contact"
        " details are {email} and {phone}. Payroll uses the account {iban} and the tax identifier "
        "{ssn}. The corporate card issued in March carries the number {card}."
    ),
    (
        "After the move to {town}, {name} asked {employer} to update the file. The new telephone "
        "number is {phone} and the mail address stays {email}. The date of birth ({born}) and the "
        "social security number {ssn} were checked against the passport. Expenses on card {card} "
        "are refunded to {iban}."
    ),
    (
        "{employer} confirms that {name} of {town} holds a permanent contract. The employee was "
        "born on {born} and is registered under {ssn}. Wages go to {iban}. The card {card} may be "
        "used for training fees, with receipts sent from {email} or announced by telephone at "
        "{phone}."
    ),
)


def main() -> None:
    """Read the command line and write the personas and the checksums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("datasets"))
    args = parser.parse_args()
    # Only the stream of `random()` itself is promised to be the same on every Python version.
    stream = random.Random(SEED)

    def draw(n: int) -> int:
        return int(stream.random() * n)

    personas = [make_persona(number, draw) for number in range(COUNT)]
    write_jsonl(args.out / "pii_personas" / str(VERSION) / "personas.jsonl", personas)
    write_sums(args.out)
    print(f"pii_personas@{VERSION}: {len(personas)} personas")


if __name__ == "__main__":
    main()
