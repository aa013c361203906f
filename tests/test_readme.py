"""README's console examples are run, in one shell from top to bottom, and answer what README prints."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.up import Up

README = Path(__file__).parents[1] / "README.md"
MARK = "@@ command "
CONFIRMATION = re.compile(r"\d{10}\.[A-Za-z0-9_-]{43}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


@dataclass
class Example:
    """One command, and what README prints below it."""

    command: str
    printed: list[str] = field(default_factory=list)


def examples(heading: str, until: str) -> list[Example]:
    """Return the examples in the console blocks between two headings."""
    text = README.read_text().partition(f"\n## {heading}\n")[2].partition(f"\n## {until}\n")[0]
    found: list[Example] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Example(line.removeprefix("$ ")))
            else:
                found[-1].printed.append(line)
    assert found, f"README has no examples under {heading!r}"
    return found


def run(commands: list[str], **environment: str) -> list[list[str]]:
    """Run commands one after the other in one shell; return the lines that each has printed."""
    script = "\n".join(f"printf '\\n{MARK}\\n'; {command}" for command in commands)
    done = subprocess.run(
        ["bash", "-u", "-c", script],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == "", done.stderr
    # The line break before a mark is ours.
    return [part.removesuffix("\n").splitlines() for part in done.stdout.split(f"\n{MARK}\n")[1:]]


def check(answered: list[str], example: Example) -> None:
    """Compare what was answered with what README prints, moments apart."""
    found, wanted = (
        CONFIRMATION.sub("<confirmation>", TIME.sub("<time>", "\n".join(lines)))
        for lines in (answered, example.printed)
    )
    if "event: " in wanted:
        check_events(answered, example.printed)
    elif "| cut -c" in example.command:  # as far as both go: a moment is some characters longer or shorter
        assert abs(len(found) - len(wanted)) < 10
        both = min(len(found), len(wanted))
        assert found[:both] == wanted[:both], example.command
    elif wanted.startswith("{"):
        assert in_order(found) == in_order(wanted), example.command
    else:
        assert found == wanted, example.command


def in_order(text: str) -> object:
    """Return JSON with its keys in order; README may break its lines elsewhere."""
    return json.loads(text, object_pairs_hook=list)


def check_events(answered: list[str], printed: list[str]) -> None:
    """The last event and the end are README's; before it come as many as there was time for, with growing numbers."""

    def events(lines: list[str]) -> list[dict[str, object]]:
        told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
        return [event["data"]["jobProgress"] for event in told]

    found, wanted = events(answered), events(printed)
    assert found[-1] == wanted[-1]
    assert answered[-3:] == printed[-3:]
    assert {tuple(event) for event in found} == {tuple(event) for event in wanted}
    assert {event["total"] for event in found} == {event["total"] for event in wanted}
    done = [event["done"] for event in found]
    assert done == sorted(done)  # type: ignore[type-var]  # numbers, as the comparison above has shown


@pytest.fixture
def running() -> Iterator[Up]:
    """`patrongraph up` on a data directory of its own, with a short path: a socket's path may not be long."""
    data_dir = Path(tempfile.mkdtemp(prefix="pg-readme-")).resolve()
    with Up(data_dir) as up:
        yield up.wait_ready()
    shutil.rmtree(data_dir)


def test_the_examples_answer_what_readme_prints(running: Up, tmp_path: Path) -> None:
    asked = examples("Try it", until="The same from the command line")
    commands = [
        each.command.replace("pg_…", running.token).replace("http://127.0.0.1:8000", running.url) for each in asked
    ]
    answers = run(commands)
    assert len(answers) == len(asked)
    for answer, example in zip(answers, asked, strict=True):
        check(answer, example)
    the_same_from_the_command_line(running, tmp_path)


def the_same_from_the_command_line(running: Up, tmp_path: Path) -> None:
    """Run the operator's commands on what the examples above have left. FOLDER becomes a small snapshot, FILE a row."""
    folder, file = tmp_path / "snapshot", tmp_path / "leavers.csv"
    folder.mkdir()
    file.write_text("username,enabled\nfrida.sandberg17,FALSE\n")
    (folder / "branches.csv").write_text("library,code,name,phone,email\nELMWOOD,NEW,New branch,,\n")
    ours = shlex.join([sys.executable, "-m", "patrongraph"])
    asked = examples("The same from the command line", until="Read on")
    places = {".venv/bin/patrongraph": ours, "FOLDER": str(folder), "FILE": str(file)}
    commands = [each.command for each in asked]
    for place, there in places.items():
        commands = [command.replace(place, there) for command in commands]
    assert all(ours in command for command in commands)
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            env={name: value for name, value in os.environ.items() if not name.startswith("PATRONGRAPH_")}
            | {"PATRONGRAPH_DATA_DIR": str(running.data_dir)},
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)
    lines = (tmp_path / "patrons.ndjson").read_text().splitlines()
    assert len(lines) > 100
    assert {json.loads(line)["library"]["code"] for line in lines} == {"ELMWOOD"}
