"""`sentinel init`: writes a first configuration. It may never write over a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

NAME: Final = "sentinel.toml"
SCHEMA_NAME: Final = "sentinel.schema.json"
_MODE: Final = 0o640
_FAILED: Final = 1


@click.command("init")
@click.argument("path", required=False, type=click.Path(path_type=Path))
def command(path: Path | None) -> None:
    """Write a commented sentinel.toml that runs as it is, and its JSON Schema beside it.

    PATH is the file, or a directory for it; left out it is ./sentinel.toml. An existing file is
    never written over. Exit codes: 0 written, 1 not written.
    """
    from ipc.config.json_schema import schema_text
    from ipc.config.sample import sample_text

    target = path if path is not None else Path(NAME)
    if target.is_dir():
        target /= NAME
    try:
        write_new(target, sample_text())
    except FileExistsError:
        _fail(f"{target}: exists already, nothing was written")
    except OSError as error:
        _fail(f"{target}: cannot be written: {error.strerror}")
    click.echo(f"wrote {target}")
    schema = target.with_name(SCHEMA_NAME)
    try:
        write_new(schema, schema_text())
    except FileExistsError:
        click.echo(f"{schema}: exists already, left as it is", err=True)
    except OSError as error:
        _fail(f"{schema}: cannot be written: {error.strerror}")
    else:
        click.echo(f"wrote {schema}")
    click.echo("next: sentinel check-config, then sentinel run", err=True)


def write_new(path: Path, text: str) -> None:
    """Write a file that did not exist, with mode 0640; one that cannot be finished is removed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, _MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, _MODE)
            file.write(text)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _fail(line: str) -> None:
    click.echo(f"sentinel: {line}", err=True)
    click.get_current_context().exit(_FAILED)
