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

SEED = 20261122
COUNT = 40

_FIRST = (
    "Adaeze Anselm Beatrix Bertil Calla Cosmo Dagny Delphine Eamon Elif Fenna Florian Gaspard "
    "Greta Hamish Hiroko Ilse Ivo Jarmila Joaquin Katya Kwame Leonie Lucian Maren Mateus "
    "Nadia Nils Odile Orsolya Petra Quentin Rosalind Rune Saskia Stellan Tamsin Ulrika Viggo "
    "Yasmin"
).split()
_LAST = (
    "Abernant Ashgrove Birkelund Blackmere Carrowby Castellane Dunmarrow Drosten Eastlake "
    "Elverum Fairhollow Farkasdi Glenrowe Grunewelt Hartsell Holmquarry Ingleby Istvanfi "
    "Jellicombe Jurander Kestrelman Kowalenko Larkspurn Lindqvarn Marchbanke Moravetz "
    "Northgale Nyquarst Oakhurstle Okonjwe Pemberlin Petrossi Quillane Ravnsborg Rothwyke "
    "Sandovarr Silverlund Thornquist Umberfield Wexcombe"
).split()
_PLACE = "Alder Bramble Copper Dove Ember Fennel Gorse Hazel Iron Juniper".split()
_TOWN_END = "minster haven bridge stoke".split()
_TRADE = "Logistics,Ceramics,Orchards,Instruments".split(",")
_MONTHS = (
    "January February March April May June July August September October November December"
).split()

# 555-0100 to 555-0199 is kept for fiction in each of these North American area codes.
_AREA_CODES = (202, 303, 404, 505, 606)
# Prefixes that payment processors publish for their test systems.
_TEST_CARD_PREFIXES = ("424242", "400000", "555555", "411111")
# Reserved for documentation by RFC 2606.
_MAIL_DOMAINS = ("example.com", "example.org", "example.net")

Draw = Callable[[int], int]


def luhn_check_digit(digits: str) -> str:
    """Return the digit that completes `digits` to a number valid by ISO/IEC 7812-1 (Luhn)."""
    doubled = (int(d) * (2 if place % 2 == 0 else 1) for place, d in enumerate(reversed(digits)))
    return str(-sum(n // 10 + n % 10 for n in doubled) % 10)


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
        "card": _card(number, draw),
        "iban": _iban(number, draw),
        "ssn": _ssn(number, draw),
        "town": place + _TOWN_END[number // len(_PLACE)],
        "employer": f"{_PLACE[(number + 3) % len(_PLACE)]}quill {_TRADE[number // len(_PLACE)]}",
    }
    born = f"{1 + draw(28)} {_MONTHS[draw(12)]} {1950 + number}"
    text = _TEXTS[number % len(_TEXTS)].format(born=born, first=first, **facts)
    return {"id": f"persona-{number + 1:02}", **facts, "text": text}


def _phone(number: int, draw: Draw) -> str:
    # One value per hundred is kept by `number`, so that no two personas share a line.
    if number % 2:
        # Ofcom keeps 07700 900000 to 900999 for drama.
        return f"07700 900{number * 25 + draw(25):03}"
    return f"({_AREA_CODES[draw(len(_AREA_CODES))]}) 555-01{number * 2 + draw(2):02}"


def _card(number: int, draw: Draw) -> str:
    digits = f"{_TEST_CARD_PREFIXES[number % 4]}{number:02}{draw(10**7):07}"
    digits += luhn_check_digit(digits)
    return " ".join(digits[i : i + 4] for i in range(0, 16, 4))


def _iban(number: int, draw: Draw) -> str:
    if number % 2:
        # No bank has the code ZZZZ, and no sort code is 00-00-00.
        country, account = "GB", f"ZZZZ000000{number:02}{draw(10**6):06}"
    else:
        # German bank codes never begin with 0.
        country, account = "DE", f"00000000{number:02}{draw(10**8):08}"
    iban = f"{country}{iban_check_digits(country, account)}{account}"
    return " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))


def _ssn(number: int, draw: Draw) -> str:
    # Areas 900 to 999 are never a social security number; taxpayer numbers use them, but only with
    # groups from 50 up. So 9xx with a group up to 49 is nobody's.
    return f"{900 + number * 2 + draw(2)}-{1 + draw(49):02}-{1 + draw(9999):04}"


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
    write_jsonl(args.out / "pii_personas" / "1" / "personas.jsonl", personas)
    write_sums(args.out)
    print(f"pii_personas@1: {len(personas)} personas")


if __name__ == "__main__":
    main()
