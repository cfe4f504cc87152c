#!/usr/bin/env python3
"""Every line of damaged logs is booked: parsed + continuation + skipped == total == the lines of the file.

usage: splices.py BINARY COUNT DIRECTORY...

COUNT files, each the beginning of one log of the directories and the end of another (or of none), cut at any byte, are
packed into archives of 100, which are analysed. Seeded: the same files each time. A file in which several programs write
is one input for each format, and each books every line: those of the others are skipped as `other_program`.
"""
import gzip, io, json, os, random, subprocess, sys, tarfile, tempfile
from pathlib import Path

MOST_BYTES = 20_000
binary, count = os.path.abspath(sys.argv[1]), int(sys.argv[2])
logs = []
for path in sorted(path for folder in sys.argv[3:] for path in Path(folder).rglob("*")):
    if path.is_file() and path.suffix in (".log", ".txt", ".csv", ".gz"):
        data = path.read_bytes()
        logs.append(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
random.seed(4)


def piece():
    log = random.choice(logs)
    start = random.randrange(len(log) + 1)
    return log[start:start + random.randrange(MOST_BYTES)]


bad = read = lines = 0
for batch in range(0, count, 100):
    with tempfile.TemporaryDirectory() as work:
        wanted = {}
        with tarfile.open(f"{work}/b.tar", "w") as archive:
            for number in range(batch, min(batch + 100, count)):
                text = piece() + (piece() if random.random() < 0.7 else b"")
                entry = tarfile.TarInfo(f"{number}.log")
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text))
                wanted[f"b.tar/{number}.log"] = text.count(b"\n") + (text[-1:] not in (b"", b"\n"))
        run = subprocess.run([binary, "analyze", "--format", "json", f"{work}/b.tar"], capture_output=True)
        if run.returncode:
            print(f"BAD  batch {batch}: exit {run.returncode} {run.stderr[-300:].decode()}")
            bad += 1
            continue
        seen = {}
        for entry in json.loads(run.stdout)["inputs"]:
            told = entry["lines"]
            sums = told["parsed"] + told["continuation"] + told["skipped"] == told["total"]
            if not sums or any("error in stormtrace" in problem for problem in entry["problems"]):
                print(f"BAD  {entry['path']}: {told} {entry['problems']}")
                bad += 1
            seen.setdefault(entry["path"].split("#")[0], set()).add(told["total"])
        for path, number in wanted.items():
            read += 1
            lines += number
            if seen.get(path) != {number}:
                print(f"BAD  {path}: {number} lines, {seen.get(path)} booked")
                bad += 1
print(f"{read} files of {len(logs)} logs, {lines} lines, {bad} wrong")
sys.exit(bad > 0)
