"""The virtual environments of the subjects: one each, made from PyPI with the versions that `requirements/` pins."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FOLDER = HERE / ".venvs"
INSTALLER = (
    "pip",
    "setuptools",
    "pkg_resources",
    "_distutils_hack",
    "distutils-precedence.pth",
    "__pycache__",
    "wheel",
)


@dataclass
class Environment:
    """Where a subject is installed: its interpreter, what it came to, or why it cannot be measured."""

    python: Path
    path: Path | None = None
    """A folder to import from before all others, where another version of turnout than the installed is measured."""
    version: str = ""
    packages: int | None = None
    installed_mb: float | None = None
    error: str = ""


def find_environment(name: str, distribution: str | None) -> Environment:
    """Return the environment of a subject, made anew where its pins changed; one with an `error` where that fails."""
    folder = FOLDER / name
    environment = Environment(folder / "bin" / "python")
    try:
        _make(name, environment.python)
        if distribution == "turnout":
            _install_wheel(environment.python)
    except (subprocess.CalledProcessError, OSError) as error:
        output = getattr(error, "stderr", "") or str(error)
        environment.error = f"does not install: {output.strip().splitlines()[-1][:200] if output.strip() else error}"
        return environment
    if distribution is not None:
        _describe(environment, distribution)
    return environment


def this_environment(distribution: str | None) -> Environment:
    """Return the interpreter that runs this, as the environment of a subject."""
    environment = Environment(Path(sys.executable))
    if distribution is not None:
        _describe(environment, distribution)
    return environment


def older_environment(base: Environment, commit: str) -> Environment:
    """Return `base` with turnout as it was at `commit`."""
    folder = FOLDER / f"turnout@{commit.replace('/', '_')}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    subprocess.run([base.python, "-m", "compileall", "-q", folder], check=True)
    return Environment(base.python, path=folder / "src", version=commit)


def _make(name: str, python: Path) -> None:
    pins = HERE / "requirements" / f"{name}.txt"
    wanted = sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    mark = python.parent.parent / ".made"
    if mark.exists() and mark.read_text() == wanted:
        return
    print(f"==> installing {name}", flush=True)
    venv.create(python.parent.parent, with_pip=True, clear=True)
    _pip(python, "--requirement", str(pins))
    mark.write_text(wanted)


def _install_wheel(python: Path) -> None:
    """Build turnout as it stands and install that: what is measured does not change when a file does."""
    wheels = FOLDER / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(wheels)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True)
    _pip(python, "--force-reinstall", "--no-deps", str(next(wheels.glob("*.whl"))))


def _pip(python: Path, *arguments: str) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True, env=compiling_environment())


def compiling_environment() -> dict[str, str]:
    """Return this process's environment without what would keep bytecode from being written."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


_DESCRIBE = """
import importlib.metadata as m, sys, sysconfig
names = {d.name.lower() for d in m.distributions()} - {"pip", "setuptools", "wheel"}
print(m.version(sys.argv[1]), len(names), sysconfig.get_path("purelib"))
"""


def _describe(environment: Environment, distribution: str) -> None:
    """Note the version, how many packages the environment has, and their MB, compiled."""
    done = subprocess.run(
        [environment.python, "-c", _DESCRIBE, distribution], check=False, capture_output=True, text=True
    )
    if done.returncode:
        environment.error = f"is not installed: {done.stderr.strip().splitlines()[-1][:200]}"
        return
    environment.version, count, packages = done.stdout.split(maxsplit=2)
    environment.packages = int(count)
    kept = [entry for entry in Path(packages.strip()).iterdir() if not entry.name.startswith(INSTALLER)]
    files = [file for entry in kept for file in ([entry] if entry.is_file() else entry.rglob("*")) if file.is_file()]
    environment.installed_mb = sum(file.stat().st_size for file in files) / 1e6
