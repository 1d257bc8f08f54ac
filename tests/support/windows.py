"""`python windows.py COMMAND …` is `fakeserver COMMAND …` without what Windows has not; `import` instead of a command
imports every module of both packages.

It takes from Python the modules, and from its own the names, that only Unix has. What Python itself needs of them on
this machine is imported before.
"""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing.util
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

NEEDED = (asyncio, multiprocessing.util, subprocess, tempfile, urllib.request)
MODULES = frozenset("curses fcntl grp pty pwd readline resource syslog termios tty uvloop".split())
NAMES = {
    os: "chown chroot ctermid fchown fork forkpty getegid geteuid getgid getgroups getloadavg getpgid getpgrp "
    "getpriority getsid getuid initgroups killpg lchown lockf mkfifo mknod nice posix_fadvise posix_spawn pread pwrite "
    "readv sched_getaffinity sched_yield setegid seteuid setgid setgroups setpgid setpriority setsid setuid "
    "statvfs sysconf uname wait wait3 wait4 writev O_CLOEXEC O_NOFOLLOW O_NONBLOCK WNOHANG",
    signal: "alarm getitimer pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigwait ITIMER_REAL "
    "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH",
    socket: "AF_UNIX SO_REUSEPORT SCM_RIGHTS CMSG_LEN MSG_DONTWAIT MSG_NOSIGNAL",
}


class Absent:
    """A finder that finds none of the modules."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}, which only Unix has", name=name)


def become_windows() -> None:
    pair, unix = socket.socketpair, socket.AF_UNIX
    socket.socketpair = lambda *arguments: pair(unix)  # An event loop has one.
    for name in [*sys.modules]:
        if name.partition(".")[0] in MODULES:
            del sys.modules[name]
    sys.meta_path.insert(0, Absent())
    for module, names in NAMES.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)


def import_everything() -> None:
    for package in ("fakeserver", "contract_tests"):
        root = importlib.import_module(package)
        for each in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not each.name.endswith("__main__"):
                importlib.import_module(each.name)
                print(each.name)


if __name__ == "__main__":
    become_windows()
    if sys.argv[1:] == ["import"]:
        import_everything()
    else:
        from fakeserver.cli import run

        run()
