"""schemas.settings: layers of settings laid over each other."""

import pytest

from schemas.errors import SedimentError
from schemas.settings import ServeSettings, setting_names, settings_from


def test_layers_in_order() -> None:
    """A flag beats the environment, which beats the file, which beats the default."""
    file = {"port": 1, "host": "a", "memory": {"writes_bytes": "64mb"}}
    one = settings_from(
        file=file,
        environment={"SEDIMENT_PORT": "2", "SEDIMENT_INDEX_REFRESH_MS": "5s"},
        flags={"port": 3, "host": None},
    )
    assert (one.port, one.host, one.memory.writes_bytes, one.index.refresh_ms) == (3, "a", 64 << 20, 5_000)


def test_defaults() -> None:
    """No layer at all gives the defaults; variables of others are ignored."""
    assert settings_from(environment={"SEDIMENT_SHARED_DATA": "x", "HOME": "/"}) == ServeSettings()


@pytest.mark.parametrize(
    "file",
    [
        {"prot": 1},
        {"port": "x"},
        {"port": 70_000},
        {"partitions": 0},
        {"memory": {"writes_bytes": "3 parsec"}},
        {"index": {"auto_create": "perhaps"}},
    ],
)
def test_what_is_wrong_is_said(file: dict[str, object]) -> None:
    """An unknown name and a value of the wrong kind are refused by name."""
    with pytest.raises(SedimentError, match=r"\w"):
        settings_from(file=file)


def test_every_setting_has_a_doc() -> None:
    """The reference page is made from the models, so each says what it is for."""
    assert all(name.doc for name in setting_names())
