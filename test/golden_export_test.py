#!/usr/bin/env python3
"""The golden database's export, as this format's first version wrote it, is still written and still read.

usage: golden_export_test.py PROGRAM [--write]
"""
import os, pathlib, shutil, subprocess, sys, tempfile

PROGRAM = os.path.abspath(sys.argv[1])
GOLDEN = pathlib.Path(__file__).parent / "golden"


def tidal(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def digests(name):
    """By view; without what remembers how the records came in."""
    views = dict(reversed(line.split("  ")) for line in tidal("digest", name, "--by", "view").splitlines()[:-1])
    return {view: hexes for view, hexes in views.items() if view not in ("import_marks", "duplicates")}


with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    (root / "golden.db").mkdir()
    shutil.copytree(GOLDEN / "database-v1" / "wal", root / "golden.db" / "wal")
    tidal("export", root / "golden.db", "--out", root / "now")
    if "--write" in sys.argv:
        shutil.rmtree(GOLDEN / "export-v1", ignore_errors=True)
        shutil.copytree(root / "now", GOLDEN / "export-v1")
    for name in ("schema.tidal", "data.jsonl"):
        now, then = (root / "now" / name).read_text(), (GOLDEN / "export-v1" / name).read_text()
        assert now == then, f"{name} is no longer written as it was"
    tidal("init", root / "copy.db")
    tidal("import", root / "copy.db", GOLDEN / "export-v1" / "data.jsonl")
    assert digests(root / "copy.db") == digests(root / "golden.db"), "the export of version 1 reads as something else"
