#!/usr/bin/env python3
"""What stormtrace costs beside what a user would run instead, on the same file in the same run.

usage: compare.py BINARY FOLDER [ROUNDS]

FOLDER holds access.log, odoo.log and postgresql.log (see generate.py). Each command runs ROUNDS times (3), the least CPU time
(user and system, with children) counts. Rivals that are not installed are named and left out. Prints a table for RESULTS.md
and the targets that are met.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

binary, folder = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
scratch = tempfile.mkdtemp()
DUCKDB = (
    "SELECT regexp_extract(line, '\" ([0-9]{3}) ', 1) AS status, count(*) FROM "
    "read_csv('FILE', columns={'line': 'VARCHAR'}, delim='\\x01', quote='', escape='', header=false) GROUP BY status"
)


def run(command, path):
    """CPU seconds, wall seconds and MiB of the cheapest of some runs."""
    # Some rivals delete what they write to before they write: never give them a device.
    command = command.replace("FILE", str(path)).replace("OUT", os.path.join(scratch, "out.json"))
    best = None
    for _ in range(rounds):
        start = time.monotonic()
        child = subprocess.Popen(["bash", "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        # What bash waited for counts too: wait4 reports the whole tree below it.
        cpu = usage.ru_utime + usage.ru_stime
        if best is None or cpu < best[0]:
            best = (cpu, wall, usage.ru_maxrss / 1024)
    return best


def compare(name, path, ours, rivals):
    size = path.stat().st_size
    print(f"\n### {name}: {size / (1 << 20):,.0f} MiB\n")
    print("| command | CPU s | wall s | peak MiB | CPU of stormtrace / its own |")
    print("|---|---|---|---|---|")
    own = run(ours, path)
    print(f"| `{ours.replace(binary, 'stormtrace')}` | {own[0]:.2f} | {own[1]:.2f} | {own[2]:.0f} | 1 |")
    for command, target in rivals:
        program = command.split()[0]
        if shutil.which(program) is None:
            print(f"| {program}: not installed | | | | |")
            continue
        cpu, wall, memory = run(command, path)
        ratio = own[0] / cpu if cpu else float("inf")
        met = "" if target is None else f" (target ≤ {target:g}: {'met' if ratio <= target else 'missed'})"
        shown = command if len(command) < 70 else program + " …"
        print(f"| `{shown}` | {cpu:.2f} | {wall:.2f} | {memory:.0f} | {ratio:.3f}{met} |".replace("|'", "\\|'"))


common = [("cat FILE", None), ("wc -l FILE", None)]
inspect = f"{binary} inspect --threads 1 FILE"
compare("nginx access log, timed", folder / "access.log", inspect, common + [
    ("rg -c ' 50[24] ' FILE", 2.0),
    ("awk '{print $9}' FILE | egrep -c '^50[24]$'", 0.5),
    ("lnav -n -c ';SELECT sc_status, count(*) FROM access_log GROUP BY 1' FILE", 1 / 15),
    ("goaccess FILE --log-format=COMBINED --no-progress -o OUT", 1 / 60),
    (f"duckdb -c \"{DUCKDB}\"", 1 / 3),
    ("agrind -f FILE '* | parse \"\\\" * \" as status | count by status'", None),
])
compare("Odoo log", folder / "odoo.log", inspect, common + [
    ("rg -ci 'worker.*timeout|timeout|longpoll|bus' FILE", 2.0),
    ("lnav -n -c ';SELECT count(*) FROM all_logs' FILE", None),
    ("odoo-logs calls FILE", 1 / 60),
])
compare("PostgreSQL log", folder / "postgresql.log", inspect, common + [
    ("rg -c duration FILE", 3.0),
    ("pgbadger -j1 -q -f stderr -p '%m [%p] %u@%d ' -o OUT -x json FILE", 1 / 100),
])
compare("all three, analyze", folder, f"{binary} analyze -q FILE", [("cat FILE/access.log FILE/odoo.log FILE/postgresql.log", None)])
