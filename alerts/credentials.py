"""Turns configured routes into routes with a URL. It may never put a URL into an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from alerts.values import Route, Severity
from ipc.config.values import RouteValues

URL_MAX: Final = 8192
ROUTES_MAX: Final = 32


class RouteUnusable(ValueError):
    """A route that cannot be used as configured, in one line that names it and its file."""


def resolve_routes(values: Iterable[RouteValues], env: Mapping[str, str]) -> tuple[Route, ...]:
    """Read the URLs of all routes; RouteUnusable for the first that has none.

    A relative `url_file` is looked for in `$CREDENTIALS_DIRECTORY` where that is set (systemd's
    LoadCredential=), else in the working directory.
    """
    routes = tuple(_resolve(route, env) for route in values)
    if len(routes) > ROUTES_MAX:
        raise RouteUnusable(f"[[route]]: {len(routes)} routes, at most {ROUTES_MAX} are possible")
    names = [route.name for route in routes]
    for name in names:
        if names.count(name) > 1:
            raise RouteUnusable(f'[[route]] "{name}": the name is used twice')
    return routes


def _resolve(values: RouteValues, env: Mapping[str, str]) -> Route:
    where = f'[[route]] "{values.name}"'
    if (values.url is None) == (values.url_file is None):
        raise RouteUnusable(f"{where}: exactly one of url and url_file is needed")
    if values.severity not in tuple(Severity):
        known = ", ".join(Severity)
        raise RouteUnusable(f'{where}: severity "{values.severity}" is none of {known}')
    url = values.url if values.url_file is None else _read_url(values.url_file, where, env)
    if url is None or not url.strip() or len(url) > URL_MAX or "\n" in url.strip():
        raise RouteUnusable(f"{where}: the URL must be one line of 1 to {URL_MAX} characters")
    return Route(
        name=values.name,
        url=url.strip(),
        severity=Severity(values.severity),
        required=values.required,
    )


def _read_url(name: str, where: str, env: Mapping[str, str]) -> str:
    """Return the only line of a credentials file that is neither empty nor a `#` comment."""
    path = Path(name)
    directory = env.get("CREDENTIALS_DIRECTORY")
    if directory and not path.is_absolute():
        path = Path(directory) / path
    try:
        if not path.is_file():
            raise RouteUnusable(f"{where}: url_file {path}: no such file")
        with path.open(encoding="utf-8") as file:
            text = file.read(4 * URL_MAX)
    except OSError as error:
        raise RouteUnusable(f"{where}: url_file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RouteUnusable(f"{where}: url_file {path}: is not UTF-8 text") from None
    lines = [line.strip() for line in text.splitlines()]
    urls = [line for line in lines if line and not line.startswith("#")]
    if len(urls) != 1:
        raise RouteUnusable(
            f"{where}: url_file {path}: has {len(urls)} URLs, expected one line with one URL"
        )
    return urls[0]
