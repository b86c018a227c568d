"""What a Wiegand reader would send, made without the product's own tables."""

from __future__ import annotations

# Which bits go into the parity bits of Corporate 1000, counted from 1 as the papers do it.
_35_EVEN = (3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22, 24, 25, 27, 28, 30, 31, 33, 34)
_35_ODD = (2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 20, 21, 23, 24, 26, 27, 29, 30, 32, 33)

DATA_BITS = {26: 24, 34: 32, 35: 32, 37: 35}


def frame(bits: int, badge: int) -> list[int]:
    """The bits of a badge in the format of so many bits."""
    data = f"{badge:0{DATA_BITS[bits]}b}"
    if bits == 35:
        sent = [0, 0, *map(int, data), 0]
        sent[1] = sum(sent[i - 1] for i in _35_EVEN) % 2
        sent[34] = 1 - sum(sent[i - 1] for i in _35_ODD) % 2
        sent[0] = 1 - sum(sent[1:]) % 2
        return sent
    half = {26: 12, 34: 16, 37: 18}[bits]
    even = data[:half].count("1") % 2
    odd = 1 - data[-half:].count("1") % 2
    return [even, *map(int, data), odd]


def raw(bits: int, badge: int) -> list[int]:
    """All bits of a number, without parity."""
    return [int(bit) for bit in f"{badge:0{bits}b}"]


def key(key: int, bits: int = 4) -> list[int]:
    """The burst of a key: 0 to 9, 10 for * and 11 for #."""
    return raw(4, key) if bits == 4 else [*raw(4, 15 - key), *raw(4, key)]
