"""Compiled code: how a numba kernel is declared, cached, warmed; the small kernels all share.

``cache``: where compiled kernels are kept, so that no edit is ever missed.
``compile``: the `kernel` decorator: one set of options for every kernel.
``arrays``: names for the types of arrays, and inputs that are read only.
``simd_kernels``: machine words, bit counts and 64-byte class masks as LLVM intrinsics.
``pointer_kernels``: arrays where others said they are.
``murmur2_kernels``: Kafka's partitioner hash over a column of keys.
``crc_kernels``: CRC-32C over byte ranges.
``gather_kernels``, ``rows``: byte strings picked out of a column, one after another.
``warm``: compile every kernel ahead of the first request.
``unpack_kernels``: packed numbers of a fixed width, sixteen at a time.
"""
