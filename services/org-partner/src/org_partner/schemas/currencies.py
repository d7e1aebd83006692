"""ISO 4217: the currencies that money may be in, with the digits of their minor unit."""

from typing import Literal

Currency = Literal["KRW", "USD", "JPY", "EUR", "GBP", "CNY", "HKD", "SGD", "TWD", "VND", "THB", "AUD", "CAD"]

MINOR_DIGITS: dict[Currency, int] = {
    "KRW": 0,
    "USD": 2,
    "JPY": 0,
    "EUR": 2,
    "GBP": 2,
    "CNY": 2,
    "HKD": 2,
    "SGD": 2,
    "TWD": 2,
    "VND": 0,
    "THB": 2,
    "AUD": 2,
    "CAD": 2,
}
