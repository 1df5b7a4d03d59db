"""Become another program that dies with its parent: `launch.py PARENT SIGNAL USER|- search|- PROGRAM ARGS…`.

Runs under `python -I -S` with the standard library alone, because it starts before every child.
"""

import ctypes
import os
import pwd
import sys

_PR_SET_PDEATHSIG, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
_SECBIT_NO_SETUID_FIXUP = 4
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_CAPABILITY_VERSION_3 = 0x20080522


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def become(user: str, may_search: bool) -> None:
    """Give up root for `user`; keep, if asked, the one right to pass through folders that are closed to it.

    PostgreSQL refuses to run as root, and a clone under /root or a 0700 temporary folder is closed to everyone else.
    Opening those folders would change the machine; a Linux ambient capability changes this process only.
    """
    entry = pwd.getpwnam(user)
    libc = ctypes.CDLL(None, use_errno=True)
    if may_search:
        # Keeps capabilities over setuid, and makes access(2) count them: initdb looks for its programs with that.
        _checked(libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if not may_search:
        return
    header, data = _CapHeader(_CAPABILITY_VERSION_3, 0), (_CapData * 2)()
    _checked(libc.capget(ctypes.byref(header), data))
    held = data[0].permitted
    # Containers often hold only the wider of the two.
    wanted = _CAP_DAC_READ_SEARCH if held & (1 << _CAP_DAC_READ_SEARCH) else _CAP_DAC_OVERRIDE
    mask = held & (1 << wanted)
    data[0].effective = data[0].permitted = data[0].inheritable = mask
    data[1].effective = data[1].permitted = data[1].inheritable = 0
    _checked(libc.capset(ctypes.byref(header), data))
    _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, wanted, 0, 0))


def die_with(parent: int, sig: int) -> None:
    """Ask the kernel for `sig` when the parent dies. Elsewhere than on Linux the guard alone does this."""
    if sys.platform == "linux":
        # After the change of user, which clears it.
        _checked(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, sig, 0, 0, 0))
    if os.getppid() != parent:
        sys.exit("the parent process is gone")


def _checked(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main(argv: list[str]) -> None:
    parent, sig, user, search, *command = argv
    try:
        if user != "-":
            become(user, search == "search")
    except (OSError, KeyError) as error:
        sys.exit(f"cannot run {os.path.basename(command[0])} as user {user}: {error}")
    die_with(int(parent), int(sig))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
