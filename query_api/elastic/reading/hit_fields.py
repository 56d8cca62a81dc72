"""``fields`` of a hit: values in the formats asked for, values that the mapping stores. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from query_api.elastic.reading.source import stored_values
from query_api.elastic.wire.names import Target
from query_api.fanout.aggregations.shown import decimal_format
from schemas.errors import illegal_argument
from schemas.limits import DOC_VALUE_FIELDS_MAX
from schemas.mapping import NUMBER_TYPES, FieldType
from schemas.query import SearchRequest
from schemas.results import FetchedHit

NOTHING: Final = "_none_"  # of ``stored_fields``: neither an id nor a source


def check_fields(request: SearchRequest, targets: Sequence[Target]) -> None:
    """Raises ``illegal_argument`` where ``fields`` cannot be had: the source is not kept, or a type has no formats."""
    for target in targets if request.docvalue_fields else ():
        text = target.state.setting("max_docvalue_fields_search", "")
        most = int(text) if text.isdigit() else DOC_VALUE_FIELDS_MAX
        if len(request.docvalue_fields) > most:
            raise illegal_argument(
                f"Trying to retrieve too many docvalue_fields. Must be less than or equal to: [{most}] but was "
                f"[{len(request.docvalue_fields)}]. This limit can be set by changing the [index.max_docvalue_fields_search] "
                "index level setting."
            )
    if not request.fields:
        return
    for target in targets:
        if target.dead:
            continue
        mapping = target.state.mapping
        if not mapping.source_enabled:
            raise illegal_argument(
                "Unable to retrieve the requested [fields] since _source is disabled in the mappings "
                f"for index [{target.name}]"
            )
        for one in request.fields:
            field = mapping.get(one.field) if one.format else None
            if field is not None and field.type is not FieldType.DATE:
                raise illegal_argument(f"Field [{one.field}] of type [{field.type.value}] doesn't support formats.")


def fields_shown(hit: FetchedHit, request: SearchRequest, target: Target) -> Mapping[str, Any]:
    """All values that were asked for, by field."""
    shown = dict(hit.fields)
    for one in request.docvalue_fields:
        field = target.state.mapping.get(one.field)
        if one.format and one.field in shown and field is not None and field.type in NUMBER_TYPES:
            shown[one.field] = [decimal_format(float(value), one.format) for value in shown[one.field]]
    if request.stored_fields and hit.source is not None:
        shown |= stored_values(hit.source, target.state.mapping, request.stored_fields)
    return shown
