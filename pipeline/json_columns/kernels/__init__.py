"""The compiled loops of the JSON columns, bottom up.

``mask_kernels``: 64 bytes at a time to the positions that matter; escapes, UTF-8.
``scalar_kernels``: kinds of leaves; numbers and literals checked.
``tape_kernels``: documents to a tape of leaves; the table of paths.
``number_kernels``: decimal digits to exact int64 and correctly rounded float64.
``value_kernels``: leaves of one field to strings and booleans; slices to contiguous columns; lines.
``date_programs``: date formats to small programs.
``date_kernels``: such programs run over a column.
``print_kernels``: dates written, a row of characters each.
``address_kernels``: IP addresses to 16 bytes.
"""
