"""What a run found: one line per figure, with its target; written as JSON and shown as a table."""

import json
import platform
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. `target` is a bound such as ">= 0.65" on `ratio`, or on `ours` where there is no reference.

    `cpu_ours` and `cpu_reference` are milliseconds of processor time of server and PostgreSQL together, per request
    (reads), or seconds of it for the whole work (the rest).
    """

    name: str
    unit: str
    ours: float | None = None
    reference: float | None = None
    ratio: float | None = None
    target: str | None = None
    met: bool | None = None
    cpu_ours: float | None = None
    cpu_reference: float | None = None
    note: str = ""


def rounded(figure: float | None) -> float | None:
    """Return a figure with about four significant digits."""
    return None if figure is None else float(f"{figure:.4g}")


def judged(  # one place decides what "met" means
    name: str,
    unit: str,
    ours: float,
    reference: float | None = None,
    *,
    target: str | None = None,
    ratio: float | None = None,
    cpu_ours: float | None = None,
    cpu_reference: float | None = None,
    note: str = "",
) -> Result:
    """Return the result, its ratio (ours / reference unless given) compared with the target."""
    if ratio is None and reference:
        ratio = ours / reference
    met = None
    if target is not None:
        sign, bound = target.split()
        compared = ours if ratio is None else ratio
        met = compared >= float(bound) if sign == ">=" else compared <= float(bound)
    return Result(
        name,
        unit,
        rounded(ours),
        rounded(reference),
        rounded(ratio),
        target,
        met,
        rounded(cpu_ours),
        rounded(cpu_reference),
        note,
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def _git(*arguments: str) -> str:
    here = Path(__file__).parent
    try:
        return subprocess.run(
            ["git", *arguments], cwd=here, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def machine_line(postgres: str, scale: float) -> str:
    """Return one line: processor, cores, memory, versions, commit and scale."""
    memory = psutil.virtual_memory().total / 2**30
    changed = "+changes" if _git("status", "--porcelain", "--", "src", "bench") else ""
    commit = (_git("rev-parse", "--short", "HEAD") or "no commit") + changed
    return (
        f"{_cpu_model()}, {psutil.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}, PostgreSQL {postgres}, commit {commit}, SCALE={scale:g}"
    )


def write(path: Path, machine: str, results: list[Result]) -> None:
    """Write the list; its first entry is the line about the machine."""
    entries = [asdict(entry) for entry in [Result("machine", machine), *results]]
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _cell(figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.4g}"


def show(machine: str, results: list[Result]) -> None:
    """Print the table, and below it what there is to say about its lines."""
    table = Table(title="patrongraph bench")
    for heading in ("what", "unit", "ours", "reference", "ratio", "target", "met", "CPU ours", "CPU ref."):
        numeric = heading in {"ours", "reference", "ratio", "CPU ours", "CPU ref."}
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    words = {True: "[green]yes[/]", False: "[red]NO[/]", None: ""}
    for one in results:
        figures = (_cell(one.ours), _cell(one.reference), _cell(one.ratio))
        cpu = (_cell(one.cpu_ours), _cell(one.cpu_reference))
        table.add_row(one.name, one.unit, *figures, one.target or "", words[one.met], *cpu)
    console = Console()
    console = console if console.is_terminal else Console(width=150)
    console.print(table)
    console.print("CPU: server and PostgreSQL together; ms a request for reads, seconds for the whole work otherwise.")
    for one in results:
        if one.note:
            console.print(f"- {one.name}: {one.note}", highlight=False, soft_wrap=True)
    console.print(machine, highlight=False, soft_wrap=True)
