#!/usr/bin/env python3
"""Prints what criterion measured as a table: a row for each group, a column for each kind of bench.

usage: table.py BASELINE [CRITERION_FOLDER]

First `cargo bench --bench NAME -- --save-baseline NAME`, then this with NAME. Cells are MB/s of input where the bench says how
many bytes it reads, else milliseconds; several benches of one kind (the examples of a format) stand side by side, in the
order of their names.
"""
import json
import sys
from collections import defaultdict
from pathlib import Path

from measure import header, row


def cell(benchmark, estimates):
    nanoseconds = (estimates["slope"] or estimates["mean"])["point_estimate"]
    bytes_read = (benchmark["throughput"] or {}).get("Bytes")
    return f"{bytes_read / nanoseconds * 1000:,.0f}" if bytes_read else f"{nanoseconds / 1e6:.2f} ms"


def main():
    baseline = sys.argv[1]
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "target/criterion")
    groups, kinds = defaultdict(lambda: defaultdict(list)), {}
    for path in sorted(folder.glob(f"**/{baseline}/benchmark.json")):
        benchmark = json.loads(path.read_text(encoding="utf-8"))
        estimates = json.loads(path.with_name("estimates.json").read_text(encoding="utf-8"))
        kinds.setdefault(benchmark["function_id"])
        groups[benchmark["group_id"]][benchmark["function_id"]].append(cell(benchmark, estimates))
    header("group", *kinds)
    for group, cells in sorted(groups.items()):
        row(group, *(", ".join(cells[kind]) for kind in kinds))


main()
