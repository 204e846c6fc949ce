"""Human units at the edge, SI inside.

Every quantity in a problem or catalog file is written with its unit (`350ms`, `80GB`, `$2.50/h`,
`1.5M/day`) and held as a float in SI base units: seconds, bytes, FLOP, tokens, requests, dollars, watts.
A bare number is refused wherever a unit could be mistaken; plain counts (tokens, GPUs) may be bare.

The conversion is Pint's, over a registry that knows only the units of this field, so that importing it
stays cheap and a stray `kilogram` is an error rather than a conversion.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from planner.currency import foreign

if TYPE_CHECKING:
    from pint import UnitRegistry

HOURS_PER_MONTH = 730.0
"""Hours of an average month, as `month` has them in `_DEFINITIONS`."""

_DEFINITIONS = """
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
tera- = 1e12 = T-
peta- = 1e15 = P-
milli- = 1e-3 = m-
micro- = 1e-6 = µ- = u-
kibi- = 1024 = Ki-
mebi- = 1048576 = Mi-
gibi- = 1073741824 = Gi-
tebi- = 1099511627776 = Ti-
second = [time] = s = sec
minute = 60 * second = min
hour = 3600 * second = h = hr
day = 24 * hour
week = 7 * day
month = 730 * hour
year = 8760 * hour
byte = [information] = B
bit = byte / 8
operation = [operation] = FLOP = OP
token = [token] = tok
request = [request] = req
dollar = [currency] = USD
watt = [power] = W
gram = [mass] = g
tonne = 1000000 * gram = t
"""

_COUNT_SUFFIX = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9}
_QUANTITY = re.compile(r"^\s*([$]?)\s*([+-]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*([^\d].*)?$")
_UNIT = re.compile(r"^\s*(?:[kKMBG]\s+)?(?:[A-Za-zµ]+)?(?:\s*/\s*[A-Za-zµ]+)?\s*$")
_MAX_TEXT = 64


@dataclass(frozen=True)
class Kind:
    """A sort of quantity: its base unit, what to show as an example, and whether a bare number has one meaning."""

    name: str
    base: str
    example: str
    bare: bool = False
    counts: bool = False
    implied: str = ""


SECONDS = Kind("duration", "second", "350ms")
BYTES = Kind("size", "byte", "80GB")
BYTES_PER_SECOND = Kind("bandwidth", "byte/second", "3.35TB/s")
OPERATIONS_PER_SECOND = Kind("compute rate", "operation/second", "989TFLOP/s")
TOKENS = Kind("token count", "token", "4096", bare=True, counts=True, implied="token")
REQUEST_RATE = Kind("request rate", "request/second", "12 req/s", counts=True, implied="request")
TOKEN_RATE = Kind("token rate", "token/second", "5000 tok/s", counts=True, implied="token")
DOLLARS = Kind("amount of money", "dollar", "$250", implied="dollar", counts=True)
DOLLARS_PER_HOUR = Kind("price per hour", "dollar/hour", "$2.50/h", implied="dollar", counts=True)
DOLLARS_PER_TOKEN = Kind("price per token", "dollar/token", "$0.40/Mtok", implied="dollar")
DOLLARS_PER_CALL = Kind("price per call", "dollar/request", "$2.50/kreq", implied="dollar")
DOLLARS_PER_BYTE = Kind("price per byte", "dollar/byte", "$0.09/GB", implied="dollar")
DOLLARS_PER_KWH = Kind("energy price", "dollar/(kilowatt*hour)", "$0.08/kWh", implied="dollar")
WATTS = Kind("power", "watt", "700W")
CARBON_INTENSITY = Kind("carbon intensity", "gram/(kilowatt*hour)", "380 g/kWh")
CARBON_RATE = Kind("carbon rate", "kilogram/hour", "12 t/month")
DOLLARS_PER_TONNE = Kind("carbon price", "dollar/tonne", "$80/t", implied="dollar")
COUNT = Kind("count", "", "50k", bare=True, counts=True)


class UnitError(ValueError):
    """A quantity that cannot be read; the message says what was expected, with an example."""


@lru_cache(maxsize=1)
def registry() -> UnitRegistry[Any]:
    """Return the small Pint registry, built once on first use."""
    from pint import UnitRegistry

    made: UnitRegistry[Any] = UnitRegistry(None, cache_folder=None)
    made.load_definitions(_DEFINITIONS.strip().splitlines())
    return made


@lru_cache(maxsize=4096)
def _factor(unit: str, base: str) -> float:
    """Return how many `base` one `unit` is; raise UnitError when they measure different things."""
    import pint

    ureg = registry()
    try:
        return float(ureg.Quantity(1.0, ureg.parse_units(unit)).to(ureg.parse_units(base)).magnitude)
    except pint.errors.PintError as error:
        raise UnitError(str(error)) from None


def parse(value: object, kind: Kind) -> float:
    """Read a quantity written by a person into `kind`'s base unit.

    Parameters
    ----------
    value : str, int or float
        `"350ms"`, `"$1,200/month"`, `"1.5M/day"`; a bare number only where `kind.bare`.
    kind : Kind
        What is being read.

    Returns
    -------
    float [kind.base]

    Raises
    ------
    UnitError
        With the expected unit and an example.

    Examples
    --------
    >>> parse("250ms", SECONDS), parse("1.5M/day", REQUEST_RATE) * 86400, parse("$2.50/h", DOLLARS_PER_HOUR)
    (0.25, 1500000.0, 2.5)
    """
    expected = f"expected {'an' if kind.name[0] in 'aeiou' else 'a'} {kind.name} such as {kind.example!r}"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnitError(f"{expected}, got {value!r}")
    if not isinstance(value, str):
        if kind.bare:
            return float(value)
        raise UnitError(f"{expected}, got the bare number {value!r} without a unit")
    return _parse_text(value, kind, expected)


def _parse_text(text: str, kind: Kind, expected: str) -> float:
    """Split number, count suffix and unit, and convert."""
    _in_dollars(text[:_MAX_TEXT], kind)
    match = _QUANTITY.match(text) if len(text) <= _MAX_TEXT else None
    if match is None:
        raise UnitError(f"{expected}, got {text[:_MAX_TEXT]!r}")
    sign, digits, unit = match.group(1), match.group(2), (match.group(3) or "").strip()
    if not _UNIT.match(unit):
        raise UnitError(f"{expected}, got {text!r}")
    number = float(digits.replace(",", "").replace("_", ""))
    scale, unit = _split_count(unit) if kind.counts else (1.0, unit)
    if sign and kind.implied != "dollar":
        raise UnitError(f"{expected}, got {text!r}")
    unit = _complete(unit, kind, written_dollar=bool(sign))
    if not unit:
        if kind.bare:
            return number * scale
        raise UnitError(f"{expected}, got {text!r} without a unit")
    try:
        return number * scale * _factor(unit, kind.base)
    except UnitError:
        raise UnitError(f"{expected}, got {text!r}") from None


def _in_dollars(text: str, kind: Kind) -> None:
    """Refuse money in another currency by its name: two currencies in one sum would be a silent mistake."""
    found = foreign(text) if kind.implied == "dollar" else None
    if found is not None:
        raise UnitError(
            f"{text!r} is in {found}, and all prices must be in one currency, US dollars; "
            f"give it in dollars ({kind.example!r}), and note the rate and its day where the price comes from"
        )


def _split_count(unit: str) -> tuple[float, str]:
    """Take a leading k, M or B off a unit: `M/day` is a million per day, `min` stays minutes."""
    match = re.match(r"^([kKMBG])(?=$|\s|/)\s*(.*)$", unit)
    return (_COUNT_SUFFIX[match.group(1)], match.group(2)) if match else (1.0, unit)


def _complete(unit: str, kind: Kind, *, written_dollar: bool) -> str:
    """Write the implied numerator in: `/day` of a request rate is `request/day`, `$…/h` is `dollar/h`."""
    unit = unit.replace("requests", "request").replace("tokens", "token").replace("GPUs", "").replace("kWh", "(kW*h)")
    if written_dollar:
        return f"dollar{unit}" if unit else "dollar"
    if unit.startswith("/"):
        return f"{kind.implied}{unit}" if kind.implied and kind.implied != "dollar" else ""
    return unit


def _quantity(kind: Kind, **bounds: Any) -> Any:
    """Build a pydantic type that parses `kind` and checks its bounds."""
    schema: dict[str, Any] = {"type": ["string", "number"] if kind.bare else "string", "examples": [kind.example]}
    schema["description"] = f"A {kind.name} with its unit, such as `{kind.example}`."
    return Annotated[
        float, BeforeValidator(lambda value: parse(value, kind)), Field(allow_inf_nan=False, **bounds), WithJsonSchema(schema)
    ]


def _percentage(value: object) -> object:
    """Read `1%` as 0.01; leave numbers as they are."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*%\s*", value)
        if match is None:
            raise UnitError(f"expected a fraction such as 0.01 or '1%', got {value[:_MAX_TEXT]!r}")
        return float(match.group(1)) / 100.0
    return value


if TYPE_CHECKING:
    Seconds: TypeAlias = float
    SomeSeconds: TypeAlias = float
    Bytes: TypeAlias = float
    BytesPerSecond: TypeAlias = float
    OperationsPerSecond: TypeAlias = float
    Tokens: TypeAlias = float
    RequestRate: TypeAlias = float
    TokenRate: TypeAlias = float
    Dollars: TypeAlias = float
    DollarsPerHour: TypeAlias = float
    DollarsPerToken: TypeAlias = float
    DollarsPerCall: TypeAlias = float
    DollarsPerByte: TypeAlias = float
    DollarsPerKwh: TypeAlias = float
    Watts: TypeAlias = float
    CarbonIntensity: TypeAlias = float
    CarbonRate: TypeAlias = float
    DollarsPerTonne: TypeAlias = float
    Count: TypeAlias = float
    Fraction: TypeAlias = float
else:
    Seconds = _quantity(SECONDS, gt=0)
    SomeSeconds = _quantity(SECONDS, ge=0)
    Bytes = _quantity(BYTES, gt=0)
    BytesPerSecond = _quantity(BYTES_PER_SECOND, gt=0)
    OperationsPerSecond = _quantity(OPERATIONS_PER_SECOND, gt=0)
    Tokens = _quantity(TOKENS, ge=0)
    RequestRate = _quantity(REQUEST_RATE, ge=0)
    TokenRate = _quantity(TOKEN_RATE, ge=0)
    Dollars = _quantity(DOLLARS, ge=0)
    DollarsPerHour = _quantity(DOLLARS_PER_HOUR, ge=0)
    DollarsPerToken = _quantity(DOLLARS_PER_TOKEN, ge=0)
    DollarsPerCall = _quantity(DOLLARS_PER_CALL, ge=0)
    DollarsPerByte = _quantity(DOLLARS_PER_BYTE, ge=0)
    DollarsPerKwh = _quantity(DOLLARS_PER_KWH, ge=0)
    Watts = _quantity(WATTS, gt=0)
    CarbonIntensity = _quantity(CARBON_INTENSITY, ge=0)
    CarbonRate = _quantity(CARBON_RATE, ge=0)
    DollarsPerTonne = _quantity(DOLLARS_PER_TONNE, ge=0)
    Count = _quantity(COUNT, ge=0)
    Fraction = Annotated[float, BeforeValidator(_percentage), Field(ge=0, le=1, allow_inf_nan=False)]
