"""Runs commands and says what they cost; shared by compare.py and scale.py."""
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass


@dataclass
class Cost:
    """What some runs took at best. CPU is user and system time, with all children. The peak is never less than that of
    this script, some 20 MiB: Linux counts what the process was before it became the command."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    output: bytes


def run(command, rounds, wanted=False):
    """The least CPU and wall time and the highest peak of some runs of `command` (words, or one text for a shell), and the
    exit code of the first run that failed, else 0. What it prints is kept only if `wanted`."""
    words = ["bash", "-c", command] if isinstance(command, str) else command
    costs, codes = [], []
    for _ in range(rounds):
        with tempfile.TemporaryFile() as output:
            start = time.monotonic()
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output if wanted else subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            # What a shell waited for counts too: wait4 tells of the whole tree below.
            _, status, usage = os.wait4(child.pid, 0)
            wall_s = time.monotonic() - start
            child.returncode = os.waitstatus_to_exitcode(status)
            codes.append(child.returncode)
            output.seek(0)
            cpu_s, peak_mib = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
            costs.append(Cost(cpu_s, wall_s, peak_mib, output.read()))
    best = Cost(
        min(cost.cpu_s for cost in costs),
        min(cost.wall_s for cost in costs),
        max(cost.peak_mib for cost in costs),
        costs[0].output,
    )
    return best, next((code for code in codes if code != 0), 0)


def header(*columns):
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))


def row(*cells):
    # A bar inside a cell would begin the next one.
    print("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")


def verdict(value, most):
    """Whether a target is met, in words; none, no words."""
    return "" if most is None else f" (target ≤ {most:.3g}: {'met' if value <= most else 'missed'})"
