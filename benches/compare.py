#!/usr/bin/env python3
"""What stormtrace costs beside what a user would run instead, on the same file in the same run.

usage: compare.py [--install] BINARY FOLDER [ROUNDS]

FOLDER holds access.log, odoo.log and postgresql.log (see generate.py); access.log.gz is made from access.log where it is
missing. Each command runs ROUNDS times (3), the least CPU time (user and system, with children) counts. Prints tables for
RESULTS.md; a ratio is our cost divided by the rival's, so less is better.

Rivals that are not installed are named and left out. --install gets those that come as packages (duckdb, odoo-logs with pip;
angle-grinder with cargo) into FOLDER/rivals, and leaves the machine as it is otherwise.
"""
import argparse
import gzip
import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from measure import header, row, run, verdict

PROJECT = Path(__file__).resolve().parent.parent
SMALLEST_BUNDLE = PROJECT / "fixtures/lockstorm/config"
MOST_START_MS = 30
MOST_FOR_GZIP = 1.15
MOST_WALL_PER_CPU = 0.6
DUCKDB = (
    "SELECT regexp_extract(line, '\" ([0-9]{3}) ', 1) AS status, count(*) FROM "
    "read_csv('FILE', columns={'line': 'VARCHAR'}, delim='\\x01', quote='', escape='', header=false) GROUP BY status"
)
FLOORS = [("cat FILE", None), ("wc -l FILE", None)]
# Each command with the highest ratio that is wanted; those of the runbook first.
RIVALS = {
    "access.log": [
        ("rg -c ' 50[24] ' FILE", 2.0),
        ("awk '{print $9}' FILE | egrep -c '^50[24]$'", 0.5),
        ("lnav -n -c ';SELECT sc_status, count(*) FROM access_log GROUP BY 1' FILE", 1 / 15),
        ("goaccess FILE --log-format=COMBINED --no-progress -o OUT", 1 / 60),
        (f"duckdb -c {shlex.quote(DUCKDB)}", 1 / 3),
        ("agrind -f FILE '* | parse \"\\\" * \" as status | count by status'", None),
    ],
    "odoo.log": [
        ("rg -ci 'worker.*timeout|timeout|longpoll|bus' FILE", 2.0),
        ("lnav -n -c ';SELECT count(*) FROM all_logs' FILE", None),
        ("odoo-logs calls FILE", 1 / 60),
    ],
    "postgresql.log": [
        ("rg -c duration FILE", 3.0),
        ("pgbadger -j1 -q -f stderr -p '%m [%p] %u@%d ' -o OUT -x json FILE", 1 / 100),
    ],
}


def install(environment):
    """Fetches the rivals that come as packages, and puts them into the PATH of this run."""
    if not environment.exists():
        venv.create(environment, with_pip=True)
    for command in (
        [environment / "bin/pip", "install", "--quiet", "duckdb-cli", "odoo-logs"],
        ["cargo", "install", "--quiet", "--locked", "--root", environment, "ag"],
    ):
        if subprocess.run(command, check=False).returncode != 0:
            print("failed:", *command, file=sys.stderr)
    os.environ["PATH"] = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"


def gunzip(binary):
    """The program that only unpacks: what was built beside `binary`, or built now as stormtrace is built."""
    beside = Path(binary).parent / "examples/gunzip"
    if beside.exists():
        return beside
    command = ["cargo", "build", "--release", "--locked", "--example", "gunzip", "--message-format", "json"]
    lines = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    messages = (json.loads(line) for line in lines)
    return next(
        message["executable"]
        for message in messages
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == "gunzip"
    )


class Comparison:
    """One binary on the logs of the current folder."""

    def __init__(self, binary, rounds, scratch):
        self.binary, self.rounds, self.scratch = binary, rounds, scratch

    def cost(self, command, name):
        # Some rivals delete what they write to before they write: never give them a device.
        out = os.path.join(self.scratch, "out.json")
        return run(command.replace("FILE", name).replace("OUT", out), self.rounds)

    def ours(self, command):
        return f"{self.binary} {command} --threads 1 FILE", f"stormtrace {command} --threads 1 FILE"

    def log(self, name):
        """Both commands on one log, and the rivals beside `inspect`."""
        print(f"\n### {name}: {os.path.getsize(name) / (1 << 20):,.0f} MiB\n")
        header("command", "CPU s", "wall s", "peak MiB", "CPU of `inspect` / its own")
        own = None
        for command in ("inspect", "analyze -q"):
            run_as, shown = self.ours(command)
            cost, failed = self.cost(run_as, name)
            own = own or cost
            self.line(shown, cost, failed, own, None)
        for command, target in FLOORS + RIVALS[name]:
            program = command.split()[0]
            if shutil.which(program) is None:
                row(f"{program}: not installed", "", "", "", "")
                continue
            cost, failed = self.cost(command, name)
            self.line(command if len(command) < 70 else program + " …", cost, failed, own, target)

    @staticmethod
    def line(shown, cost, failed, own, target):
        # grep says 1 where nothing matches.
        if failed > 1:
            row(f"`{shown}`: exit code {failed}", "", "", "", "")
            return
        ratio = own.cpu_s / cost.cpu_s if cost.cpu_s else float("inf")
        row(f"`{shown}`", f"{cost.cpu_s:.2f}", f"{cost.wall_s:.2f}", f"{cost.peak_mib:.0f}", f"{ratio:.3f}{verdict(ratio, target)}")

    def packed(self):
        """A packed log beside unpacking alone."""
        plain, packed = "access.log", "access.log.gz"
        if not os.path.exists(packed):
            with open(plain, "rb") as source, gzip.open(packed, "wb", compresslevel=6) as out:
                shutil.copyfileobj(source, out, 1 << 20)
        inspect, _ = self.ours("inspect")
        of_plain, _ = self.cost(inspect, plain)
        of_packed, _ = self.cost(inspect, packed)
        together, _ = self.cost(f"{self.binary} inspect FILE", packed)
        alone, _ = run(f"{gunzip(self.binary)} {packed}", self.rounds, wanted=True)
        assert int(alone.output) == os.path.getsize(plain), "access.log.gz is not access.log"
        print(f"\n### access.log.gz: {os.path.getsize(packed) / (1 << 20):,.0f} MiB\n")
        header("command", "CPU s", "wall s", "peak MiB")
        for shown, cost in [
            ("stormtrace inspect --threads 1 access.log", of_plain),
            ("stormtrace inspect --threads 1 access.log.gz", of_packed),
            ("stormtrace inspect access.log.gz", together),
            ("gunzip access.log.gz (benches/support/gunzip.rs)", alone),
        ]:
            row(f"`{shown}`", f"{cost.cpu_s:.2f}", f"{cost.wall_s:.2f}", f"{cost.peak_mib:.0f}")
        added = (of_packed.cpu_s - of_plain.cpu_s) / alone.cpu_s
        whole = of_packed.cpu_s / alone.cpu_s
        print()
        wall = together.wall_s / alone.wall_s
        header("ratio", "value")
        row("CPU, what packing adds: (inspect of .gz − inspect of plain) / unpacking alone", f"{added:.2f}{verdict(added, MOST_FOR_GZIP)}")
        row("CPU, all of it: inspect of .gz / unpacking alone", f"{whole:.2f}{verdict(whole, MOST_FOR_GZIP)}")
        row("wall, all of it on all cores: inspect of .gz / unpacking alone", f"{wall:.2f}{verdict(wall, MOST_FOR_GZIP)}")

    def together(self):
        """All logs at once on all cores, and how long the program takes to start."""
        print("\n### analyze: all three logs, and the start\n")
        header("command", "CPU s", "wall s", "wall / CPU", "peak MiB")
        logs = " ".join(RIVALS)
        for shown, command, target in [
            ("stormtrace analyze -q access.log odoo.log postgresql.log", f"{self.binary} analyze -q {logs}", MOST_WALL_PER_CPU),
            ("cat access.log odoo.log postgresql.log", f"cat {logs}", None),
        ]:
            cost, _ = run(command, self.rounds)
            ratio = cost.wall_s / cost.cpu_s
            row(f"`{shown}`", f"{cost.cpu_s:.2f}", f"{cost.wall_s:.2f}", f"{ratio:.2f}{verdict(ratio, target)}", f"{cost.peak_mib:.0f}")
        print()
        header("start", "CPU ms", "wall ms", "peak MiB")
        bundle = Path(self.scratch, "bundle")
        bundle.mkdir()
        for name in RIVALS:
            with open(name, "rb") as log, open(bundle / name, "wb") as out:
                out.writelines(itertools.islice(log, 100))
        for shown, words, target in [
            ("stormtrace --version", ["--version"], None),
            ("stormtrace analyze -q fixtures/lockstorm/config", ["analyze", "-q", SMALLEST_BUNDLE], MOST_START_MS),
            ("stormtrace analyze -q BUNDLE, the first 100 lines of each log", ["analyze", "-q", bundle], MOST_START_MS),
        ]:
            # A start is short: more of them, so that one is undisturbed.
            cost, failed = run([self.binary, *words], 10 * self.rounds)
            assert failed == 0, shown
            cpu_ms, wall_ms = cost.cpu_s * 1000, cost.wall_s * 1000
            row(f"`{shown}`", f"{cpu_ms:.0f}", f"{wall_ms:.0f}{verdict(wall_ms, target)}", f"{cost.peak_mib:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true")
    parser.add_argument("binary")
    parser.add_argument("folder", type=Path)
    parser.add_argument("rounds", type=int, nargs="?", default=3)
    arguments = parser.parse_args()
    binary = os.path.abspath(arguments.binary)
    # The names of logs then stand in commands as they are.
    os.chdir(arguments.folder)
    if arguments.install:
        install(Path("rivals").absolute())
    with tempfile.TemporaryDirectory() as scratch:
        comparison = Comparison(binary, arguments.rounds, scratch)
        for name in RIVALS:
            comparison.log(name)
        comparison.packed()
        comparison.together()


main()
