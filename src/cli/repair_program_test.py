#!/usr/bin/env python3
"""Runs `tidal repair` as a person would.

usage: repair_program_test.py PROGRAM
"""
import json, os, pty, shutil, subprocess, unittest

from tidal_program import PROGRAM, Program


class Repair(Program):
    def damaged(self):
        """A database whose log lost the frame of i2."""
        name = self.database()
        for i in range(1, 5):
            self.tidal("exec", name, f'PUT item @i{i} {{"fields":{{"title":"T{i}"}}}};')
        self.flip(name, b"T2")
        return name

    def flip(self, name, where):
        segment = next((self.root / name / "wal").glob("*.wal"))
        content = bytearray(segment.read_bytes())
        content[content.index(where)] ^= 1
        segment.write_bytes(content)
        return segment

    def snapshot(self, name):
        return {str(path): path.read_bytes() for path in (self.root / name).rglob("*") if path.is_file()}

    def dump(self, name):
        return [json.loads(line) for line in self.tidal("wal", "dump", name).stdout.splitlines()]

    def test_nothing_to_repair(self):
        name = self.database()
        before = self.snapshot(name)
        self.assertEqual(self.tidal("repair", name).stdout, f"{name}: nothing to repair\n")
        self.assertEqual(self.tidal("repair", name, "--yes").stdout, f"{name}: nothing to repair\n")
        self.assertEqual(self.snapshot(name), before)

    def test_without_yes_it_says_what_is_lost_and_changes_nothing(self):
        name = self.damaged()
        before = self.snapshot(name)
        done = self.tidal("repair", name, expect=1)
        self.assertEqual(self.snapshot(name), before)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^damage +segment +offset +lost seqnos +records$")
        self.assertRegex(lines[2], r"^bad frame +0{19}1\.wal +[0-9,]+ +3 +1$")
        self.assertRegex(done.stdout, r"offset \d+: expected a frame with seqno 3, found frame body checksum mismatch; "
                                      r"seqno 3 is lost, appended at 20\d\d-")
        self.assertEqual(lines[-2], "the checkpoint at seqno 5 becomes the base: all state up to it is kept")
        self.assertEqual(lines[-1], "1 record lost; of those up to seqno 5 only the history, "
                                    "their effects are in the base")
        self.assertEqual(done.stderr, f"nothing was changed; to repair: tidal repair {name} --yes\n")

    def test_with_yes_it_repairs_and_keeps_what_was_damaged(self):
        name = self.damaged()
        self.assertIn("Corruption", self.tidal("verify", name, expect=1).stderr)
        segment = next((self.root / name / "wal").glob("*.wal"))
        bad = segment.read_bytes()
        done = self.tidal("repair", name, "--yes")
        self.assertEqual(done.stdout.splitlines()[-1], f"repaired; the damaged files are in {name}/damaged/0001")
        self.assertEqual((self.root / name / "damaged/0001" / segment.name).read_bytes(), bad)
        self.assertIn("every checksum is right", self.tidal("verify", name).stdout)
        self.assertEqual(self.tidal("repair", name).stdout, f"{name}: nothing to repair\n")
        found = self.tidal("exec", name, "RETRIEVE items LIMIT 10;", "--format", "json").stdout
        for key in ("i1", "i2", "i3", "i4"):
            self.assertIn(f'"{key}"', found, "the checkpoint had seen what the log lost")
        records = self.dump(name)
        self.assertEqual([each["seqno"] for each in records], [1, 2, 3, 4, 5])
        self.assertEqual((records[2]["type"], records[2]["lost"]), ("empty", True))
        self.assertNotIn("record", records[2])
        self.assertRegex(self.tidal("wal", "stats", name).stdout, r"(?m)^empty +1 ")
        self.assertNotIn("empty", self.tidal("export", name).stdout)
        self.assertEqual(len(self.tidal("export", name).stdout.splitlines()), 1 + 4)
        holds = self.tidal("status", name).stdout
        self.assertIn("4 items", holds)
        self.assertIn("on a base at seqno 5", holds)
        self.assertIn("5 records", holds)
        self.flip(name, b"T4")
        self.assertIn(f"{name}/damaged/0002", self.tidal("repair", name, "--yes").stdout)

    def test_what_cost_nothing_says_so(self):
        name = self.database()
        segment = next((self.root / name / "wal").glob("*.wal"))
        content = bytearray(segment.read_bytes())
        content[9] ^= 1
        segment.write_bytes(content)
        done = self.tidal("repair", name, "--yes")
        self.assertIn("\nnothing is lost\nrepaired; ", done.stdout)
        self.assertIn("every checksum is right", self.tidal("verify", name).stdout)

    def erased(self):
        """A database from whose log, archived but for its end, a user was taken out."""
        name = self.database()
        self.tidal("exec", name, "ALTER SETTINGS log_bytes:20MiB; PUT user @u1 {}; FORGET USER @u1;")
        self.tidal("compact", name)
        self.tidal("exec", name, "PUT item @i9 {};")
        return name

    def remove(self, name, *parts):
        for part in parts:
            shutil.rmtree(self.root / name / part, ignore_errors=True)  # a reader leaves no caches

    def test_after_an_erasure_a_checkpoint_takes_the_place_of_the_base(self):
        name = self.erased()
        self.remove(name, "base")
        self.assertIn("made anonymous by an erasure", self.tidal("verify", name, expect=1).stderr)
        done = self.tidal("repair", name, "--yes")
        self.assertRegex(done.stdout, r"(?m)^the checkpoint at seqno \d+ becomes the base")
        self.assertIn("every checksum is right", self.tidal("verify", name).stdout)
        self.remove(name, "checkpoints", "stores")
        self.assertIn('"i9"', self.tidal("exec", name, "RETRIEVE items;", "--format", "json").stdout)
        self.remove(name, "checkpoints", "stores", "base")
        before = self.snapshot(name)
        refused = self.tidal("repair", name, "--yes", expect=1)
        self.assertIn("Nothing was changed", refused.stderr)
        self.assertEqual(self.snapshot(name), before)

    def test_a_damaged_archive_costs_history(self):
        name = self.erased()
        archived = next((self.root / name / "archive").glob("*.zst"))
        content = bytearray(archived.read_bytes())
        content[200] ^= 1
        archived.write_bytes(content)
        verified = self.tidal("verify", name, expect=1).stderr
        self.assertEqual(verified.count(archived.name), 1, verified)
        lines = self.tidal("repair", name, "--yes").stdout.splitlines()
        self.assertRegex(lines[0], r"^archive/0{19}1\.wal\.zst is put aside: offset \d+: [^/]*\. "
                                   r"With it go the records with seqnos 1 to \d+$")
        self.assertRegex(lines[1], r"^the records with seqnos 1 to \d+ are in no file; the state has them$")
        self.assertRegex(lines[2], r"^nothing is lost of the state; of the history \d+ records are gone$")
        self.assertTrue((self.root / name / "damaged/0001/archive" / archived.name).exists())
        self.assertRegex(self.tidal("verify", name).stderr, r"^note: the records with seqnos 1 to \d+ are in no file")
        again = self.tidal("repair", name)
        self.assertEqual(again.stdout, f"{name}: nothing to repair\n")
        self.assertRegex(again.stderr, r"^note: the records with seqnos 1 to \d+ are in no file; the state has them\n$")

    def answer(self, name, answer):
        """Runs repair with a terminal as stdin."""
        ours, theirs = pty.openpty()
        try:
            os.write(ours, answer.encode())
            return subprocess.run([PROGRAM, "repair", name], stdin=theirs, capture_output=True, text=True,
                                  cwd=self.root, timeout=60)
        finally:
            os.close(ours)
            os.close(theirs)

    def test_a_person_is_asked(self):
        name = self.damaged()
        before = self.snapshot(name)
        for answer in ("n\n", "\n", "maybe\n"):
            done = self.answer(name, answer)
            self.assertEqual(done.returncode, 1)
            self.assertIn("[y/N]", done.stderr)
            self.assertIn("nothing was changed", done.stderr)
            self.assertEqual(self.snapshot(name), before)
        done = self.answer(name, "y\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("every checksum is right", self.tidal("verify", name).stdout)

    def test_what_cannot_be_repaired_is_refused(self):
        self.assertIn("NotFound", self.tidal("repair", "nothing.db", expect=1).stderr)
        name = self.damaged()
        shell = subprocess.Popen([PROGRAM, "shell", self.database("e.db")], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, cwd=self.root, text=True)
        try:
            shell.stdin.write("SHOW SORTS;\n")
            shell.stdin.flush()
            shell.stdout.readline()
            self.assertIn("AlreadyOpen", self.tidal("repair", "e.db", expect=1).stderr)
        finally:
            shell.communicate("")
        self.assertIn("1 record lost", self.tidal("repair", name, expect=1).stdout)


if __name__ == "__main__":
    unittest.main()
