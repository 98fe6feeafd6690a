"""How many digits a number deserves: as many as its spread leaves, and no more.

Why it matters: 3.5132 s beside a spread of 0.2 s pretends to know what nobody does. The spread is rounded up, so that
it is never told smaller than it was, and the value ends at the spread's last digit.
Source: the rule of the Particle Data Group (Review of Particle Physics, introduction, "Rounding"): two digits of an
uncertainty up to 354, one above; here the uncertainty is rounded up.
"""

import math

PLAIN_DIGITS = 3
MOST_DECIMALS = 9
TWO_DIGITS_BELOW = 3.55


def decimals_of_spread(spread: float) -> int:
    """Give the decimals that a spread is shown with; negative where it is tens or more.

    >>> [decimals_of_spread(spread) for spread in (0.0132, 0.0367, 0.0967, 12.0, 420.0)]
    [3, 2, 1, 0, -2]
    """
    if not spread > 0 or not math.isfinite(spread):
        raise ValueError(f"a spread is a positive number, not {spread}")
    exponent = math.floor(math.log10(spread))
    if spread / 10**exponent < TWO_DIGITS_BELOW:
        return 1 - exponent
    # 0.0967 rounded up to one digit is 0.1, which has a decimal less.
    return -exponent - int(math.ceil(round(spread / 10**exponent, 6)) == 10)


def decimals_of_plain(value: float, digits: int = PLAIN_DIGITS) -> int:
    """Give the decimals of a number whose spread is not known: three digits in all, and no tens that are not zero.

    >>> [decimals_of_plain(value) for value in (0.01234, 1.5, 66.34, 1234.5, 0.0)]
    [4, 2, 1, 0, 0]
    """
    if not value or not math.isfinite(value):
        return 0
    return min(max(digits - 1 - math.floor(math.log10(abs(value))), 0), MOST_DECIMALS)


def rounded_up(spread: float, decimals: int) -> float:
    """Round a spread up to its last digit.

    >>> rounded_up(0.0131, 3), rounded_up(0.02, 2)
    (0.014, 0.02)
    """
    steps = math.ceil(round(spread * 10.0**decimals, 6))
    return round(steps / 10.0**decimals, max(decimals, 0))


def shown(value: float, decimals: int, *, signed: bool = False) -> str:
    """Write a number with so many decimals, thousands apart; negative decimals leave out tens.

    >>> shown(12077.49, 1), shown(12077.49, -2), shown(-0.04, 1), shown(2.5, 1, signed=True)
    ('12,077.5', '12,100', '0.0', '+2.5')
    """
    number = round(value, decimals) + 0.0
    return f"{number:{'+' if signed else ''},.{max(decimals, 0)}f}" if number else f"{0.0:.{max(decimals, 0)}f}"
