#!/usr/bin/env python3
"""Archives and files that mean ill: each is named in the report, bounded, and writes nothing.

usage: bombs.py BINARY

Prints, for each: exit code, peak memory, seconds, and what the report says of it. Beside every bomb lies a sound log,
which must be read. Fails where memory passes 256 MiB, something is written, or nothing is said.
"""
import gzip, io, json, os, resource, struct, subprocess, sys, tarfile, tempfile, time, zlib
from pathlib import Path

MOST_MIB = 256
binary = os.path.abspath(sys.argv[1])
sound = Path(__file__).resolve().parents[2] / "fixtures/buslane/nginx/error.log"


def zeros(path, gib, byte=b"\0"):
    """One line of `gib` GiB in one gzip member: one deflate block of 1 MiB again and again."""
    piece = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = piece.compress(byte * (1 << 20)) + piece.flush(zlib.Z_FULL_FLUSH)
    count, crc = gib << 10, 0
    block = byte * (1 << 20)
    with open(path, "wb") as out:
        out.write(b"\x1f\x8b\x08\0\0\0\0\0\x02\x03")
        for _ in range(count):
            out.write(first)
            crc = zlib.crc32(block, crc)
        out.write(b"\x03\0" + struct.pack("<II", crc, (count << 20) & 0xffffffff))


def evil_tar(path):
    with tarfile.open(path, "w") as archive:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("disk", tarfile.BLKTYPE),
                           ("tty", tarfile.CHRTYPE), ("pipe", tarfile.FIFOTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        for name in ("../../escape.log", "/tmp/absolute.log", "good.log"):
            entry = tarfile.TarInfo(name)
            entry.size = sound.stat().st_size
            archive.addfile(entry, io.BytesIO(sound.read_bytes()))


def many(path, count, data=b""):
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for number in range(count):
            small = tarfile.TarInfo(f"empty/{number:06}")
            small.size = len(data)
            archive.addfile(small, io.BytesIO(data))
        entry = tarfile.TarInfo("good.log")
        entry.size = sound.stat().st_size
        archive.addfile(entry, io.BytesIO(sound.read_bytes()))


def many_zip(path, count):
    import zipfile
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            archive.writestr(f"empty/{number:06}", b"")
        archive.write(sound, "good.log")


def nested(path):
    data = sound.read_bytes()
    for _ in range(40):
        data = gzip.compress(data)
    path.write_bytes(data)


BOMBS = {
    "zeros.gz": (lambda path: zeros(path, 10), "limit long-line"),
    "letters.gz": (lambda path: zeros(path, 10, b"x"), "limit l"),
    "newlines.gz": (lambda path: zeros(path, 4, b"\n"), None),
    "evil.tar": (evil_tar, "symbolic link"),
    "many.tar.gz": (lambda path: many(path, 100_000), "empty files"),
    "many.zip": (lambda path: many_zip(path, 100_000), "empty files"),
    "nested.gz": (nested, "limit nesting"),
    "foreign.tar.gz": (lambda path: many(path, 100_000, b"x\n"), "files in no known format"),
    # The last one: peaks are those of all children so far.
    "more.tar.gz": (lambda path: many(path, 500_001), "limit entries"),
}


def measure(arguments, cwd):
    start = time.monotonic()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(arguments, stdout=out, stderr=subprocess.DEVNULL, cwd=cwd)
        _, status, usage = os.wait4(child.pid, 0)
        out.seek(0)
        return os.waitstatus_to_exitcode(status), usage.ru_maxrss / 1024, time.monotonic() - start, usage.ru_oublock, out.read()


bad = 0
for name, (make, said) in BOMBS.items():
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cwd:
        folder = Path(folder)
        make(folder / name)
        (folder / "sound.log").write_bytes(sound.read_bytes())
        before = sorted((str(path), path.stat().st_size) for path in folder.rglob("*"))
        code, mib, seconds, _, out = measure([binary, "analyze", "--format", "json", str(folder)], cwd)
        report = json.loads(out) if code in (0, 1) else {"inputs": []}
        problems = [problem for entry in report["inputs"] for problem in entry["problems"]]
        read = any(entry["path"] == "sound.log" and entry["lines"]["parsed"] for entry in report["inputs"])
        same = before == sorted((str(path), path.stat().st_size) for path in folder.rglob("*")) and not os.listdir(cwd)
        good = mib <= MOST_MIB and same and read and (said is None or any(said in problem for problem in problems))
        bad += not good
        size = (folder / name).stat().st_size / (1 << 20)
        print(f"{'ok  ' if good else 'BAD '} {name:12} {size:6.1f} MiB, exit {code}, peak {mib:.0f} MiB, {seconds:.1f} s, "
              f"written: {'nothing' if same else 'SOMETHING'}")
        for problem in problems[:6]:
            print(f"       {problem[:220]}")
        sys.stdout.flush()
sys.exit(bad > 0)
