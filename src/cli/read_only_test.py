#!/usr/bin/env python3
"""Runs what only reads, as somebody who may not write: it works, and not a byte or a time of change differs.

usage: read_only_test.py PROGRAM
"""
import json, os, subprocess, unittest

from tidal_program import PROGRAM, Program


class ReadOnly(Program):
    def snapshot(self, name):
        return {path: (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
                for path in [self.root / name, *(self.root / name).rglob("*")]}

    def as_reader(self, *arguments, expect=0):
        """Runs as somebody who may read everything here and write nothing."""
        who = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, cwd=self.root,
                              timeout=120, **who)
        self.assertEqual(done.returncode, expect, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def test_what_only_reads_changes_nothing_and_needs_no_right_to_write(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @i1 {"fields":{"title":"Heat"}}; SIGNAL like ON @i1 BY @u1;')
        digest = self.tidal("digest", name).stdout
        for path in [self.root, self.root / name, *(self.root / name).rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        before = self.snapshot(name)
        self.assertIn("every checksum is right", self.as_reader("verify", name).stdout)
        self.assertEqual(self.as_reader("digest", name).stdout, digest)
        self.assertIn("DEFINE SIGNAL like", self.as_reader("export", name, "--what", "schema").stdout)
        self.assertIn('"op":"signal"', self.as_reader("export", name, "--what", "signals").stdout)
        dump = [json.loads(line) for line in self.as_reader("wal", "dump", name).stdout.splitlines()]
        self.assertFalse([each for each in dump if each["append_time"].startswith("1970")])
        for path in before:
            if path.is_file():
                self.as_reader("inspect", path)
        refused = self.as_reader("exec", name, "SHOW STATS;", expect=1).stderr
        for part in ("PermissionDenied", "LOCK", "Permission denied", "tidal verify"):
            self.assertIn(part, refused)
        self.assertEqual(self.snapshot(name), before)
        self.root.chmod(0o755)
        for path in [self.root / name, *(self.root / name).rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    unittest.main()
