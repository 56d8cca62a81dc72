"""The slow, obvious twin of the digest kernels: Python integers, one value at a time."""

MASK = (1 << 64) - 1
S0, S1, S2, S3 = 0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3


def fold(a: int, b: int) -> int:
    """Both halves of the product, xored."""
    product = a * b
    return (product >> 64) ^ (product & MASK)


def hash_bytes(data: bytes, seed: int) -> int:
    """64 bits of a byte string."""
    h = fold(seed ^ S0, len(data) ^ S1)
    whole = len(data) // 8 * 8
    for i in range(0, whole, 8):
        h = fold(h ^ int.from_bytes(data[i : i + 8], "little"), S2)
    if whole < len(data):
        h = fold(h ^ int.from_bytes(data[whole:], "little"), S3)
    return fold(h, S1)


def row(identity: int, seq_no: int, version: int, first: int, second: int) -> list[int]:
    """The four lanes of a row."""
    h = fold(identity ^ S2, (seq_no & MASK) ^ S3)
    h = fold(h ^ (version & MASK), S0)
    a, b = fold(h ^ first, S1), fold(h ^ second, S2)
    return [a, b, fold(a ^ S3, b), fold(b ^ S0, a ^ S1)]
