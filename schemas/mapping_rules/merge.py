"""A mapping laid over another one: fields may be added, what decides how they are indexed may not change."""

from collections.abc import Mapping
from dataclasses import replace

from schemas.errors import illegal_argument
from schemas.limits import FIELDS_MAX
from schemas.mapping import DYNAMIC_DATES, Field, FieldType, IndexMapping


def check_counts(fields: Mapping[str, Field], fields_max: int = FIELDS_MAX) -> None:
    """Raises ``illegal_argument`` beyond the limit of fields."""
    if len(fields) > fields_max:
        raise illegal_argument(f"Limit of total fields [{fields_max}] has been exceeded")


def merge_mappings(current: IndexMapping, update: IndexMapping, fields_max: int = FIELDS_MAX) -> IndexMapping:
    """``current`` with ``update`` laid over it: fields may be added, types may not change. Raises ``illegal_argument``."""
    merged = dict(current.fields)
    for path, new in update.fields.items():
        old = merged.get(path)
        if old is not None:
            _check_same(old, new)
            if new.type is FieldType.OBJECT and not new.parameters:
                continue
        merged[path] = new
    check_counts(merged, fields_max)
    return replace(
        current,
        fields=merged,
        dynamic=update.dynamic if update.explicit_dynamic else current.dynamic,
        explicit_dynamic=current.explicit_dynamic or update.explicit_dynamic,
        meta=current.meta if update.meta is None else update.meta,
        dynamic_templates=update.dynamic_templates or current.dynamic_templates,
        dynamic_dates=current.dynamic_dates if update.dynamic_dates == DYNAMIC_DATES else update.dynamic_dates,
        routing_required=current.routing_required or update.routing_required,
    )


def _check_same(old: Field, new: Field) -> None:
    if old.type is not new.type:
        if FieldType.OBJECT in (old.type, new.type):
            raise illegal_argument(f"can't merge a non object mapping [{old.path}] with an object mapping")
        raise illegal_argument(
            f"mapper [{old.path}] cannot be changed from type [{old.type.value}] to [{new.type.value}]"
        )
    for name in ("index", "doc_values", "store", "analyzer", "format", "norms"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            raise illegal_argument(
                f"Mapper for [{old.path}] conflicts with existing mapper:\n\tCannot update parameter [{name}] from [{before}] to [{after}]"
            )
    for name in ("normalizer", "position_increment_gap"):
        before, after = (str(one.parameters.get(name, "null")) for one in (old, new))
        if before != after:
            raise illegal_argument(
                f"Mapper for [{old.path}] conflicts with existing mapper:\n\tCannot update parameter [{name}] from [{before}] to [{after}]"
            )


def checked(mapping: IndexMapping, fields_max: int) -> IndexMapping:
    """The same mapping, if it keeps to the limit of fields; else raises ``illegal_argument``."""
    check_counts(mapping.fields, fields_max)
    return mapping
