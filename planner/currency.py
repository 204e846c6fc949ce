"""Prices are in dollars: another currency is told by its name, never converted, since a rate is a fact with a day of its own."""

from __future__ import annotations

import re
import unicodedata

_SYMBOLS = {"€": "EUR", "£": "GBP", "¥": "JPY or CNY", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₪": "ILS"}
_WORDS = {"euro": "EUR", "euros": "EUR", "pound": "GBP", "pounds": "GBP", "yen": "JPY", "yuan": "CNY", "rupees": "INR"}
_CODES = (
    *("AED", "AUD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS"),
    *("INR", "JPY", "KRW", "MXN", "MYR", "NGN", "NOK", "NZD", "PHP", "PLN", "QAR", "RMB", "RON", "RUB", "SAR", "SEK", "SGD"),
    *("THB", "TRY", "TWD", "UAH", "VND", "ZAR"),
)
_NAMED = re.compile(rf"(?<![A-Za-z])({'|'.join((*_CODES, *_WORDS))})(?![A-Za-z])", re.IGNORECASE)
_OTHER_DOLLAR = re.compile(r"(?<![A-Za-z])(A|AU|C|CA|HK|NT|NZ|R|S)\$")


def foreign(text: str) -> str | None:
    """Return the currency other than dollars that an amount of money is written in, None if there is none.

    Examples
    --------
    >>> foreign("€2.50/h"), foreign("2 eur/h"), foreign("C$3/h"), foreign("$2.50/h"), foreign("2.50 USD/h")
    ('EUR (€)', 'EUR', 'C$', None, None)
    """
    for sign in text:
        if sign != "$" and unicodedata.category(sign) == "Sc":
            return f"{_SYMBOLS[sign]} ({sign})" if sign in _SYMBOLS else sign
    named = _NAMED.search(text)
    if named is not None:
        word = named.group(1)
        return _WORDS.get(word.lower(), word.upper())
    other = _OTHER_DOLLAR.search(text)
    return other.group(0) if other else None
