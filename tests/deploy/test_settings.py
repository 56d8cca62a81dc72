"""The settings that deploy/ ships are ones that this version takes."""

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.settings import ServeSettings, setting_names, settings_from

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "deploy" / "settings").glob("*.toml"))


def read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return tomllib.load(file)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_file_is_taken(path: Path) -> None:
    """Every name in every file is a setting, every value of its kind."""
    settings_from(file=read(path))


def test_single_node_shows_every_default() -> None:
    """The file for one machine names all settings and changes none but the data folder."""
    file = read(ROOT / "deploy" / "settings" / "single-node.toml")
    shown = {
        f"{k}.{n}" if isinstance(v, dict) else k for k, v in file.items() for n in (v if isinstance(v, dict) else [k])
    }
    assert shown == {name.path for name in setting_names()}
    assert settings_from(file=file) == dataclasses.replace(ServeSettings(), data=file["data"])


def test_the_how_to_lists_every_file() -> None:
    """The page on choosing settings names each file."""
    page = (ROOT / "docs" / "how-to" / "choose-settings.md").read_text()
    assert [p.name for p in FILES if f"`{p.name}`" not in page] == []


def test_variables_in_the_image_are_settings() -> None:
    """Every SEDIMENT_ variable of the Dockerfile is a setting's."""
    used = set(re.findall(r"\b(SEDIMENT_\w+)=", (ROOT / "deploy" / "Dockerfile").read_text()))
    assert used
    assert used <= {name.variable for name in setting_names()}


def test_compose_builds_what_the_image_is_made_from() -> None:
    """The compose file is valid YAML, builds from deploy/Dockerfile, and everything copied there is let through to the build."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    build = compose["services"]["sediment"]["build"]
    dockerfile = (ROOT / build["dockerfile"]).read_text()
    copied = {part for line in re.findall(r"^COPY (?!--)(.*) \S+$", dockerfile, re.MULTILINE) for part in line.split()}
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied <= let_through
    assert all((ROOT / name).exists() for name in copied)
