#!/usr/bin/env python3
"""How time and memory of `analyze` grow with the logs.

usage: scale.py BINARY FOLDER [MIB …]

Makes the three logs of generate.py in FOLDER, MIB mebibytes altogether (1, 100 and 1024 unless told; 10240 for the last step),
analyses them once, and deletes them again; logs that are there already (FOLDER/MIB-mib) are used and stay. Sizes that would leave less than 5 GiB free are left out, by name. Prints a table
for RESULTS.md: CPU is user and system time, the peak is the resident memory of the process.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

from measure import header, row, run, verdict

MOST_WALL_PER_CPU, MOST_PEAK_MIB = 0.6, 200
# From one step to one ten times as large.
MOST_TIME_GROWTH, MOST_PEAK_GROWTH = 10.5, 1.2
FREE_BYTES = 5 << 30
LOGS = ("access.log", "odoo.log", "postgresql.log")


def main():
    binary, folder = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
    sizes = sorted(int(size) for size in sys.argv[3:]) or [1, 100, 1024]
    folder.mkdir(parents=True, exist_ok=True)
    generate = Path(__file__).with_name("generate.py")
    done = {}
    header("logs, MiB", "CPU s", "wall s", "wall / CPU", "peak MiB", "MiB per CPU s")
    for size in sizes:
        logs = folder / f"{size}-mib"
        if not logs.exists() and shutil.disk_usage(folder).free < (size << 20) + FREE_BYTES:
            row(f"{size:,}: not enough room on the disk", "", "", "", "", "")
            continue
        made = not logs.exists()
        if made:
            subprocess.run([sys.executable, generate, logs, str(size / len(LOGS))], check=True)
        read = sum((logs / name).stat().st_size for name in LOGS) / (1 << 20)
        cost, failed = run([binary, "analyze", "-q", str(logs)], 1)
        if made:
            shutil.rmtree(logs)
        if failed:
            row(f"{size:,}: exit code {failed}", "", "", "", "", "")
            continue
        done[size] = cost
        ratio = cost.wall_s / cost.cpu_s
        row(
            f"{read:,.0f}",
            f"{cost.cpu_s:.2f}",
            f"{cost.wall_s:.2f}",
            f"{ratio:.2f}{verdict(ratio, MOST_WALL_PER_CPU if size >= 100 else None)}",
            f"{cost.peak_mib:,.0f}{verdict(cost.peak_mib, MOST_PEAK_MIB)}",
            f"{read / cost.cpu_s:,.0f}",
        )
    print()
    header("growth", "logs", "CPU", "wall", "peak")
    for small, large in zip(done, list(done)[1:]):
        times = large / small
        cpu, wall, peak = (
            getattr(done[large], what) / getattr(done[small], what) for what in ("cpu_s", "wall_s", "peak_mib")
        )
        tenfold = times == 10 and small >= 1024
        row(
            f"{small:,} → {large:,} MiB",
            f"{times:.1f} ×",
            f"{cpu:.1f} ×",
            f"{wall:.1f} ×{verdict(wall, MOST_TIME_GROWTH if tenfold else None)}",
            f"{peak:.1f} ×{verdict(peak, MOST_PEAK_GROWTH if tenfold else None)}",
        )


main()
