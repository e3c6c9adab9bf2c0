"""Tells whether the locks fit pyproject.toml, and compiles them; it never writes a host or a path.

`python requirements/check.py` needs only the standard library: exit 0 if both locks are current,
1 with one line per problem if not. With `--compile` it makes them anew with uv (existing pins are
kept as long as they fit; remove the files first to move every pin).
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

LOCKS = {
    "runtime.txt": ("What a running pair needs", ()),
    "dev.txt": (
        "What a checkout needs: the pair, its tests and its build",
        ("--group", "dev", "--constraint", "requirements/runtime.txt"),
    ),
}
COMPILE = (
    *("uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"),
)
FINGERPRINT = re.compile(r"^# dependencies: sha256 ([0-9a-f]{64})$", re.MULTILINE)
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==[A-Za-z0-9.!+]+(?: ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?P<more> \\)?")
REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


def fingerprint(pyproject: str) -> str:
    """SHA-256 of the tables of pyproject.toml that the locks are made of."""
    data = tomllib.loads(pyproject)
    project = data["project"]
    tables = [
        data["build-system"]["requires"],
        project["requires-python"],
        project["dependencies"],
        data.get("dependency-groups", {}),
    ]
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()


def wanted(pyproject: str, groups: tuple[str, ...]) -> set[str]:
    """Name what a lock must pin at least, in the registry's spelling."""
    data = tomllib.loads(pyproject)
    texts = list(data["project"]["dependencies"])
    if groups:
        texts += data["dependency-groups"]["dev"] + data["build-system"]["requires"]
    found = [REQUIREMENT.match(text) for text in texts]
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}


def problems(name: str, lock: str, pyproject: str) -> list[str]:
    """Say everything that is wrong with one lock, a line each; an empty list is a current lock."""
    found: list[str] = []
    stamp = FINGERPRINT.search(lock)
    if stamp is None or stamp[1] != fingerprint(pyproject):
        found.append(f"{name}: not made from this pyproject.toml; run make lock")
    pinned: set[str] = set()
    hash_due = False
    for number, line in enumerate(lock.splitlines(), 1):
        pin, digest = PIN.fullmatch(line), HASH.fullmatch(line)
        if hash_due and digest is None:
            found.append(f"{name}:{number}: expected a hash of the requirement above")
        if pin is not None:
            pinned.add(pin["name"])
        elif digest is None and line and not line.startswith("#"):
            found.append(f"{name}:{number}: neither a pin nor a hash (no index, path or option)")
        hash_due = pin is not None or (digest is not None and digest["more"] is not None)
    if hash_due:
        found.append(f"{name}: ends in the middle of a requirement")
    missing = wanted(pyproject, LOCKS[name][1]) - pinned
    found += [f"{name}: {absent} is not pinned" for absent in sorted(missing)]
    return found


def compile_locks(root: Path) -> None:
    """Run uv over pyproject.toml and stamp each lock; raises what the run raises."""
    for name, (title, options) in LOCKS.items():
        path = root / "requirements" / name
        subprocess.run([*COMPILE, *options, "--output-file", str(path)], cwd=root, check=True)
        head = (
            f"# {title}, for every platform. Made by `make lock`.\n"
            f"# dependencies: sha256 {fingerprint((root / 'pyproject.toml').read_text())}\n"
        )
        pins = [line for line in path.read_text().splitlines(keepends=True) if line[0] != "#"]
        path.write_text(head + "".join(pins))


def check(root: Path) -> list[str]:
    """Check both locks of a checkout; a missing one is a problem too."""
    pyproject = (root / "pyproject.toml").read_text()
    found: list[str] = []
    for name in LOCKS:
        path = root / "requirements" / name
        if path.is_file():
            found += problems(name, path.read_text(), pyproject)
        else:
            found.append(f"{name}: missing; run make lock")
    return found


def main(arguments: list[str]) -> int:
    """Compile if asked to, then check; return the exit code."""
    root = Path(__file__).resolve().parent.parent
    if arguments not in ([], ["--compile"]):
        print("usage: check.py [--compile]", file=sys.stderr)
        return 64
    if arguments:
        try:
            compile_locks(root)
        except FileNotFoundError:
            print("locks: compiling needs uv on the PATH", file=sys.stderr)
            return 1
        except subprocess.CalledProcessError as error:
            print(f"locks: uv failed with code {error.returncode}", file=sys.stderr)
            return 1
    found = check(root)
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        print("locks: current")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
