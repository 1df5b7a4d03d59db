"""Where the hub's time goes: `python -m benchmarks.profile w1|w8|join [--viewers 2000]`.

`perf` says how it is shared between kernel, interpreter and libraries; py-spy which functions stand behind it. What is
not installed is left out.
"""

import argparse
import collections
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from benchmarks.joining import ACCOUNTS
from benchmarks.places import open_places
from benchmarks.processes import LOAD_CORE, Load, pinned, raise_file_limit
from benchmarks.rounds import Stage
from benchmarks.targets import hub

SECONDS = 6
LINES = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["w1", "w8", "join"])
    parser.add_argument("--kind", choices=["page", "custom"], default="page")
    parser.add_argument("--signed-in", action="store_true")
    parser.add_argument("--viewers", type=int, default=2_000)
    chosen = parser.parse_args()
    raise_file_limit(chosen.viewers + 500)
    signed_in = ACCOUNTS if chosen.signed_in else 0
    with (
        pinned(LOAD_CORE),
        open_places() as places,
        hub(places, chosen.kind, signed_in=signed_in) as target,
        Load(target.port, target.path, target.script) as load,
    ):
        stage = Stage(target, load)
        load.open(chosen.viewers)
        for record in (_perf, _spy):
            recording = threading.Thread(target=record, args=(target.pids[0],))
            recording.start()
            while recording.is_alive():
                if chosen.what == "join":
                    load.close_viewers()
                    load.open(chosen.viewers)
                else:
                    stage.window({"w1": 1, "w8": 8}[chosen.what], 0.5)
            recording.join()


def _perf(pid: int) -> None:
    if shutil.which("perf") is None:
        print("perf is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/perf.data"
        record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "997", "-o", data, "-p", str(pid)]
        subprocess.run([*record, "--", "sleep", str(SECONDS)], check=False, capture_output=True)
        for order in ("dso", "dso,symbol"):
            report = ["perf", "report", "-i", data, "--stdio", "-g", "none", "--sort", order]
            done = subprocess.run(report, check=False, capture_output=True, text=True)
            lines = [line for line in done.stdout.splitlines() if line.strip() and not line.startswith("#")]
            print("\n".join([f"perf, by {order}:", *lines[:LINES], ""]))


def _spy(pid: int) -> None:
    program = Path(sys.executable).parent / "py-spy"
    if not program.exists():
        print("py-spy is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "stacks"
        options = ["--pid", str(pid), "--duration", str(SECONDS), "--rate", "500", "--format", "raw", "--nonblocking"]
        subprocess.run([str(program), "record", *options, "--output", str(out)], check=False, capture_output=True)
        _print_stacks(out.read_text() if out.exists() else "")


def _print_stacks(text: str) -> None:
    """Samples by the function at the top of the stack, and by each of the hub's functions on it."""
    own: collections.Counter[str] = collections.Counter()
    total: collections.Counter[str] = collections.Counter()
    for line in text.splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = [frame.partition(".py:")[0] for frame in stack.split(";") if frame]
        if "run (asyncio/runners" not in stack and "Runner.run" not in stack:
            continue  # other threads
        own[frames[-1]] += int(samples)
        for name in set(frames):
            if "(hub/" in name:
                total[name] += int(samples)
    everything = sum(own.values()) or 1
    for words, counter in (("by itself", own), ("with what it calls", total)):
        print(f"py-spy, {words}:")
        for name, count in counter.most_common(LINES):
            print(f"  {count / everything:6.1%}  {name}")
        print()


if __name__ == "__main__":
    main()
