#!/usr/bin/env python3
"""The same bundle in every container gives the same incidents.

usage: containers.py BINARY BUNDLE...

Needs tar, gzip, zstd, xz, bzip2. Each BUNDLE is a directory; it is packed into a temporary directory in every way, and
`incidents` are compared byte by byte after the names of archives and the endings of compressed files are taken out of
the paths.
"""
import gzip, io, json, os, re, shutil, subprocess, sys, tarfile, tempfile, zipfile
from pathlib import Path

binary = os.path.abspath(sys.argv[1])
COMPRESS = {"gz": ["gzip", "-c"], "zst": ["zstd", "-qc"], "xz": ["xz", "-1c"], "bz2": ["bzip2", "-c"]}


def incidents(paths, stdin=None, strip=""):
    run = subprocess.run([binary, "analyze", "--format", "json", *map(str, paths)], stdin=stdin, capture_output=True)
    if run.returncode:
        return f"exit {run.returncode}: {run.stderr.decode()}", None
    report = json.loads(run.stdout)
    text = json.dumps([report["incidents"], report["totals"]])
    if strip:
        text = text.replace(f'"{strip}/', '"').replace(f" {strip}/", " ")
    return re.sub(r"\.(gz|zst|xz|bz2)\b", "", text), report


def plain_copy(bundle, folder):
    """The bundle with nothing compressed."""
    for path in sorted(bundle.rglob("*")):
        if not path.is_file():
            continue
        target = folder / path.relative_to(bundle)
        target.parent.mkdir(parents=True, exist_ok=True)
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data, target = gzip.decompress(data), target.with_suffix("") if target.suffix == ".gz" else target
        target.write_bytes(data)


def files(folder):
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def compressed_copy(folder, target, ending):
    for path in files(folder):
        out = target / path.relative_to(folder)
        out.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".conf":
            shutil.copy(path, out)
        elif ending == "members.gz":
            data = path.read_bytes()
            third = len(data) // 3 + 1
            Path(f"{out}.gz").write_bytes(b"".join(gzip.compress(data[at:at + third], 1) for at in range(0, len(data), third)))
        else:
            Path(f"{out}.{ending}").write_bytes(subprocess.run(COMPRESS[ending], input=path.read_bytes(), capture_output=True, check=True).stdout)


def zipped(folder, target, method):
    with zipfile.ZipFile(target, "w", method) as archive:
        for path in reversed(files(folder)):
            archive.write(path, path.relative_to(folder))


bad = 0
for bundle in map(Path, sys.argv[2:]):
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        plain = work / "bundle"
        plain_copy(bundle, plain)
        wanted, report = incidents([plain])
        assert report, wanted
        ways = {}
        tar = work / "bundle.tar"
        with tarfile.open(tar, "w") as archive:
            # Logs before configuration: the order must not matter.
            for path in reversed(files(plain)):
                archive.add(path, path.relative_to(plain))
        ways["tar"] = ([tar], tar.name)
        for ending, command in COMPRESS.items():
            packed = work / f"bundle.tar.{ending}"
            packed.write_bytes(subprocess.run(command, input=tar.read_bytes(), capture_output=True, check=True).stdout)
            ways[f"tar.{ending}"] = ([packed], packed.name)
        for ending in [*COMPRESS, "members.gz"]:
            folder = work / f"each-{ending}"
            compressed_copy(plain, folder, ending)
            ways[f"directory of .{ending}"] = ([folder], "")
        for name, folder in (("zip", plain), ("zip of gz", work / "each-gz"), ("zip of xz", work / "each-xz")):
            path = work / f"{name.replace(' ', '-')}.zip"
            zipped(folder, path, zipfile.ZIP_DEFLATED)
            ways[name] = ([path], path.name)
        for method, name in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_BZIP2, "bzip2")):
            path = work / f"{name}.zip"
            zipped(plain, path, method)
            ways[f"zip, {name}"] = ([path], path.name)
        mixed = work / "mixed.tar.gz"
        with tarfile.open(mixed, "w:gz", format=tarfile.GNU_FORMAT) as archive:
            for path in files(work / "each-zst"):
                archive.add(path, "./" + str(path.relative_to(work / "each-zst")))
        ways["tar.gz of zst"] = ([mixed], mixed.name)
        nested = work / "nested.zip"
        with zipfile.ZipFile(nested, "w") as archive:
            archive.write(work / "bundle.tar.gz", "inner.tgz")
        ways["zip of tar.gz"] = ([nested], "nested.zip/inner.tgz")
        for name, (paths, strip) in ways.items():
            got, report = incidents(paths, strip=strip)
            same = got == wanted
            bad += not same
            print(f"{'ok  ' if same else 'BAD '} {bundle.name:28} {name}")
            if not same and not report:
                print(got[:300])
        for path in ("bundle.tar.gz", "zip.zip", "bundle.tar.xz"):
            with open(work / path, "rb") as stdin:
                got, _ = incidents(["-"], stdin=stdin, strip="-")
            bad += got != wanted
            print(f"{'ok  ' if got == wanted else 'BAD '} {bundle.name:28} standard input, {path}")
sys.exit(bad > 0)
