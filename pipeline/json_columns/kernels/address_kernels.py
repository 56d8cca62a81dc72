# mypy: disable-error-code="assignment,operator,arg-type,call-overload,index,return-value,no-any-return"
"""A column of IP addresses to 16 bytes each; IPv4 is mapped into IPv6 (::ffff:a.b.c.d, RFC 4291 2.5.5.2)."""

import numpy as np

from pipeline.kernels.arrays import I64Array, U8Array
from pipeline.kernels.compile import kernel


@kernel
def parse_ipv4(data: U8Array, p: int, end: int, out: U8Array, o: int) -> bool:
    """Four decimal octets without leading zeros to out[o:o + 4]; False where data[p:end] is not that."""
    octets = 0
    digits = 0
    value = 0
    while p <= end:
        c = data[p] if p < end else 46
        if c == 46:
            if digits == 0 or octets == 4:
                return False
            out[o + octets] = value
            octets += 1
            digits = 0
            value = 0
        elif c >= 48 and c <= 57:
            if digits > 0 and value == 0:
                return False
            value = value * 10 + (np.int64(c) - 48)
            digits += 1
            if value > 255:
                return False
        else:
            return False
        p += 1
    return octets == 4


@kernel
def hex_value(c: int) -> int:
    """The value of a hexadecimal digit, -1 for anything else."""
    if c >= 48 and c <= 57:
        return np.int64(c) - 48
    c |= 32
    if c >= 97 and c <= 102:
        return np.int64(c) - 87
    return np.int64(-1)


@kernel
def parse_ipv6(data: U8Array, p: int, end: int, out: U8Array, o: int) -> bool:
    """Groups of up to four hexadecimal digits, one ``::``, perhaps an IPv4 address at the end, to out[o:o + 16]."""
    filled = 0  # bytes written
    gap = -1  # bytes written before the ::
    if end - p < 2:
        return False
    if data[p] == 58:
        if data[p + 1] != 58:
            return False
        p += 1
    while p < end:
        if data[p] == 58:  # the second colon of ::
            if gap >= 0:
                return False
            gap = filled
            p += 1
            if p == end:
                break
        start = p
        value = np.int64(0)
        while p < end and p - start < 4:
            digit = hex_value(np.int64(data[p]))
            if digit < 0:
                break
            value = value * 16 + digit
            p += 1
        if p < end and data[p] == 46:
            if filled > 12 or not parse_ipv4(data, start, end, out, o + filled):
                return False
            filled += 4
            p = end
            break
        if p == start or filled > 14:
            return False
        out[o + filled] = value >> 8
        out[o + filled + 1] = value & 255
        filled += 2
        if p == end:
            break
        if data[p] != 58:
            return False
        p += 1
        if p == end:
            return False  # ends in one colon
    if gap < 0:
        return filled == 16
    if filled == 16:
        return False
    moved = filled - gap
    for i in range(moved):
        out[o + 15 - i] = out[o + filled - 1 - i]
    for i in range(gap, 16 - moved):
        out[o + i] = 0
    return True


@kernel
def parse_ip_column(data: U8Array, starts: I64Array, out: U8Array, origin: int, bad: U8Array) -> int:
    """Each string data[starts[i]:starts[i + 1]] to out[origin + 16 i:]; how many are bad (their bytes mean nothing)."""
    count = 0
    for i in range(starts.shape[0] - 1):
        start = starts[i]
        end = starts[i + 1]
        o = origin + 16 * i
        colon = False
        for p in range(start, min(end, start + 5)):
            colon |= data[p] == 58
        if colon:
            good = parse_ipv6(data, start, end, out, o)
        else:
            for j in range(10):
                out[o + j] = 0
            out[o + 10] = 255
            out[o + 11] = 255
            good = parse_ipv4(data, start, end, out, o + 12)
        bad[i] = 0 if good else 1
        if not good:
            count += 1
    return count
