"""The set-up script names what a machine lacks in one line, and never touches a sound .venv."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("cat", "dirname", "flock", "mkdir", "rm", "sed", "sha256sum", "sh", "uname")


@pytest.fixture
def machine(tmp_path):
    """Return a copy of what set-up reads, on a machine that has a shell and nothing else."""
    checkout = tmp_path / "a check out"
    (checkout / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", checkout)
    for name in ("dev.txt", "setup.sh"):
        shutil.copy(ROOT / "requirements" / name, checkout / "requirements")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found:
            (tmp_path / "bin" / tool).symlink_to(found)
    return Machine(checkout, tmp_path / "bin")


class Machine:
    """A checkout and the only directory of programs that its set-up can see."""

    def __init__(self, checkout: Path, programs: Path) -> None:
        self.checkout = checkout
        self.programs = programs

    def add(self, name: str, script: str) -> Path:
        """Put a program on the machine."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def add_python(self, name: str, version: str, *, ensurepip: bool, new_enough: bool) -> Path:
        """Put an interpreter on the machine that answers as one of this version would."""
        return self.add(
            name,
            f'case "$2" in\n'
            f"*version_info*) echo {version}; exit {0 if new_enough else 1};;\n"
            f"*ensurepip*) exit {0 if ensurepip else 1};;\n"
            f'*) echo "$@" >"{self.programs}/{name}.asked"; exit 3;;\n'
            f"esac",
        )

    def set_up(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script from elsewhere, with nothing of this process's environment."""
        return subprocess.run(
            [self.programs / "sh", self.checkout / "requirements" / "setup.sh"],
            env={"PATH": str(self.programs), **environment},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def test_a_machine_without_python_is_told_which_it_needs(machine):
    run = machine.set_up()
    assert run.returncode == 1
    assert run.stderr == "set-up: python3 does not run, and Python 3.11 or newer is needed\n"


def test_a_python_that_is_too_old_is_named_with_its_version(machine):
    machine.add_python("python3", "3.9.2", ensurepip=True, new_enough=False)
    run = machine.set_up()
    assert run.returncode == 1
    assert run.stderr == "set-up: python3 is Python 3.9.2, and Python 3.11 or newer is needed\n"


def test_without_ensurepip_the_package_of_that_version_is_named(machine):
    machine.add_python("python3", "3.12.3", ensurepip=False, new_enough=True)
    run = machine.set_up()
    assert run.returncode == 1
    assert (
        run.stderr == "set-up: python3 has no ensurepip: "
        "install the package python3.12-venv, or uv\n"
    )


def test_a_newer_python_beside_an_old_one_is_used(machine):
    machine.add_python("python3", "3.9.2", ensurepip=True, new_enough=False)
    machine.add_python("python3.12", "3.12.3", ensurepip=True, new_enough=True)
    run = machine.set_up()
    assert "making .venv with Python 3.12.3" in run.stderr
    assert (machine.programs / "python3.12.asked").read_text() == "-m venv .venv\n"


def test_the_interpreter_asked_for_is_the_only_one_tried(machine):
    machine.add_python("python3", "3.12.3", ensurepip=True, new_enough=True)
    old = machine.add_python("old", "3.8.1", ensurepip=True, new_enough=False)
    run = machine.set_up(PYTHON=str(old))
    assert run.returncode == 1
    assert run.stderr == f"set-up: {old} is Python 3.8.1, and Python 3.11 or newer is needed\n"


def test_with_uv_no_ensurepip_is_needed(machine):
    machine.add_python("python3", "3.12.3", ensurepip=False, new_enough=True)
    machine.add("uv", f'[ "$1" = --version ] || echo "$@" >"{machine.programs}/uv.asked"; exit 0')
    machine.set_up()
    asked = (machine.programs / "uv.asked").read_text()
    options = "--no-deps --no-build-isolation --editable ."
    assert asked == f"pip install --quiet --python .venv/bin/python {options}\n"


def test_a_set_up_that_was_cut_off_starts_anew(machine):
    half = machine.checkout / ".venv" / "bin"
    half.mkdir(parents=True)
    (half / "python").symlink_to(sys.executable)
    (half.parent / "unfinished").touch()
    (half / "leftover").touch()
    machine.add_python("python3", "3.12.3", ensurepip=True, new_enough=True)
    machine.set_up()
    assert not (half / "leftover").exists()


def test_a_current_environment_is_left_alone_and_needs_no_network(machine):
    machine.add("uv", "exit 0")
    ours = machine.checkout / ".venv" / "bin"
    ours.mkdir(parents=True)
    (ours / "python").symlink_to(sys.executable)
    first = machine.set_up()
    assert "installing" in first.stderr
    machine.add("uv", "exit 1")
    second = machine.set_up()
    assert (second.returncode, second.stderr) == (0, "")


@pytest.mark.parametrize("name", ["requirements/dev.txt", "pyproject.toml"])
def test_a_changed_requirement_makes_it_install_again(machine, name):
    machine.add("uv", "exit 0")
    ours = machine.checkout / ".venv" / "bin"
    ours.mkdir(parents=True)
    (ours / "python").symlink_to(sys.executable)
    machine.set_up()
    with (machine.checkout / name).open("a") as file:
        file.write("# changed\n")
    assert "installing" in machine.set_up().stderr


def test_a_refused_install_says_so_and_is_tried_again(machine):
    machine.add("uv", '[ "$1" = --version ]')
    ours = machine.checkout / ".venv" / "bin"
    ours.mkdir(parents=True)
    (ours / "python").symlink_to(sys.executable)
    for _ in range(2):
        run = machine.set_up()
        assert run.returncode == 1
        assert run.stderr.endswith("could not be installed (the first run needs the network)\n")
    assert os.path.lexists(ours / "python")


def test_make_without_a_target_lists_every_target():
    listing = subprocess.run(
        ["make"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert {"demo", "test", "lint", "help"} <= {line.split()[0] for line in listing.splitlines()}
