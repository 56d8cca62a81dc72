"""Every kernel of the JSON columns, compiled by use."""


def warm() -> None:
    """Scan, extract, select and split one small batch of every type."""
    import numpy as np

    from pipeline.json_columns.extract import extract, select
    from pipeline.json_columns.lines import split_lines
    from pipeline.json_columns.scanner import Scanner, raw
    from schemas.mapping import FieldType, parse_mapping

    kinds = [kind.value for kind in FieldType if kind is not FieldType.OBJECT]
    mapping = parse_mapping({"properties": {kind: {"type": kind} for kind in kinds}})
    sample = {"date": '"2020-01-02"', "ip": '"::1"', "boolean": "true", "text": '"\\u00e9"', "keyword": '"a"'}
    document = ",".join(f'"{kind}":{sample.get(kind, "1")}' for kind in kinds).encode()
    keys = b",".join(b'"k%d":1' % i for i in range(300))  # the table of paths grows
    lines = split_lines(b"{%b}\r\n{%b}\n{}" % (document, keys))
    column = lines.column(np.arange(len(lines)))
    tape = Scanner().scan(column)
    raw(tape, ("text",))
    columns = extract(tape, mapping).columns
    select(columns, np.array([-1, 0, 1], np.int32))
