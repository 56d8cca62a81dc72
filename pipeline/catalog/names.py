"""What an index may be called, and the topic that holds it."""

from schemas.errors import invalid
from schemas.ids import TopicName
from schemas.limits import INDEX_NAME_BYTES_MAX

CONTROL_TOPIC = TopicName("_sediment_control")
DEAD_LETTERS = ".dead"
_FORBIDDEN = '\\/*?"<>| ,#:'
_TOPIC_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


def check_index_name(name: str) -> None:
    """Raise ``invalid_index_name`` in Elasticsearch's words for a name that it would refuse."""
    reason = name_fault(name)
    if reason:
        raise invalid("invalid_index_name", f"Invalid index name [{name}], {reason}", index=name, index_uuid="_na_")


def name_fault(name: str, *, lower: bool = True) -> str:
    """What is wrong with the name of an index (of an alias, which need not be lower case), or nothing."""
    found = ""
    if not name:
        found = "must not be empty"
    elif any(c in name for c in "#:"):
        found = f"must not contain '{'#' if '#' in name else ':'}'"
    elif any(c in _FORBIDDEN for c in name):
        found = 'must not contain the following characters [ , ", *, \\, <, |, ,, >, /, ?]'
    elif name[0] in "_-+":
        found = "must not start with '_', '-', or '+'"
    elif name in {".", ".."}:
        found = "must not be '.' or '..'"
    elif name.endswith(DEAD_LETTERS):
        found = f"must not end with '{DEAD_LETTERS}': that is where the dead letters of an index are found"
    elif lower and name != name.lower():
        found = "must be lowercase"
    elif len(name.encode()) > INDEX_NAME_BYTES_MAX:
        found = f"index name is too long, ({len(name.encode())} > {INDEX_NAME_BYTES_MAX})"
    return found


def topic_of(name: str, prefix: str = "") -> TopicName:
    """The topic of an index: its name. Bytes that Kafka does not allow become ``X`` and two hexadecimal digits: names are lower
    case, so that no two of them give the same topic.
    """
    safe = "".join(c if c in _TOPIC_CHARACTERS else "".join(f"X{b:02x}" for b in c.encode()) for c in name)
    return TopicName(prefix + safe)
