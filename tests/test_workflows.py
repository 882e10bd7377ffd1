"""The workflows: they are YAML, and what they call is there."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
MODULES = {"pip", "pytest", "cibuildwheel"}


def steps(path):
    """Return every step of every job."""
    jobs = yaml.safe_load(path.read_text())["jobs"]
    assert all(job["runs-on"] and job["timeout-minutes"] for job in jobs.values())
    return [step for job in jobs.values() for step in job["steps"]]


def missing(command):
    """Return what a command calls that is not there, or "" if all is."""
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    program, *rest = command.split()
    if program == "make":
        return "" if rest[0] in targets else f"make {rest[0]}"
    if program == "sh":
        return "" if (ROOT / rest[0]).exists() else rest[0]
    if program == "python" and rest[0] == "-c":
        return ""
    if program != "python" or rest[0] != "-m" or rest[1] not in MODULES:
        return command
    return next((word for word in rest if word.startswith("tests/") and not (ROOT / word).exists()), "")


def test_there_are_workflows_for_tests_and_wheels():
    assert {path.stem for path in WORKFLOWS} >= {"test", "wheels"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_calls_is_there(path):
    commands = [line for step in steps(path) if "run" in step for line in step["run"].splitlines()]
    assert commands
    assert [missing(command) for command in commands if missing(command)] == []
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in steps(path) if "uses" in step)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_extras_that_a_workflow_installs_are_there(path):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"\.\[(\w+)\]", path.read_text())) <= set(extras)


def test_the_wheels_are_tried_by_a_script_that_is_there():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    (script,) = re.findall(r"\{project\}/(\S+)", settings["test-command"])
    assert (ROOT / script).exists()


@pytest.mark.parametrize("command", ["make nothing", "sh tests/nothing.sh", "curl x", "python -m pytest tests/none.py"])
def test_what_is_not_there_is_noticed(command):
    assert missing(command)
