#!/usr/bin/env python3
"""Runs `tidal backup` and `tidal restore` as a person would, and the example of docs/backup.md.

usage: backup_program_test.py PROGRAM
"""
import json, os, pathlib, re, shutil, subprocess, unittest

from tidal_program import PROGRAM, Program

SOURCES = pathlib.Path(__file__).parents[2]
PAGE = SOURCES / "docs/backup.md"
GOLDEN = SOURCES / "test/golden/database-v1"


class Backup(Program):
    def written(self, items=5):
        name = self.database()
        for i in range(1, items + 1):
            self.tidal("exec", name, f'PUT item @i{i} {{"fields":{{"title":"T{i}"}}}};')
        return name

    def items(self, name):
        reply = json.loads(self.tidal("exec", name, "RETRIEVE items LIMIT 100;", "--format", "json").stdout)
        return sorted(re.findall(r'"(i\d+)"', json.dumps(reply)))

    def records(self, name):
        return [json.loads(line) for line in self.tidal("wal", "dump", name).stdout.splitlines()]

    def test_backup_and_restore(self):
        name = self.written()
        digest = self.tidal("digest", name).stdout
        done = self.tidal("backup", name, "b")
        self.assertRegex(done.stdout, r"^b: backed up to seqno 6 \(appended 20\d\d-[^)]+Z\)\n"
                                      r"  \d+\.\d MiB in \d+ files, [^;]+; it can be restored from seqno 1 on\n$")
        self.assertRegex(done.stderr, r"^(copying: [^\n]*\n)?$")  # how far it is, when it takes long
        self.tidal("exec", name, "DELETE item @i3;")
        done = self.tidal("restore", "b", "r.db")
        self.assertRegex(done.stdout, r"^r\.db: restored to seqno 6 \(appended 20[^)]+Z\)\n"
                                      r"  \d+\.\d MiB in \d+ files, [^;\n]+\n$")
        self.assertEqual(self.tidal("digest", "r.db").stdout, digest)
        self.assertEqual(self.items("r.db"), ["i1", "i2", "i3", "i4", "i5"])
        self.tidal("exec", "r.db", 'PUT item @i6 {"fields":{"title":"T6"}};')
        self.assertIn("every checksum is right", self.tidal("verify", "r.db").stdout)

    def test_quiet_says_no_timings(self):
        name = self.written(1)
        self.assertRegex(self.tidal("backup", name, "b", "--quiet").stdout, r"\n  \d+\.\d MiB in \d+ files; it can")
        self.assertRegex(self.tidal("restore", "b", "r", "-q").stdout, r"\n  \d+\.\d MiB in \d+ files\n$")

    def test_restore_to_a_seqno_and_to_a_time(self):
        name = self.written()
        times = {each["seqno"]: each["append_time"] for each in self.records(name)}
        self.tidal("backup", name, "b")
        self.tidal("restore", "b", "at4.db", "--seqno", 4)
        self.assertEqual(self.items("at4.db"), ["i1", "i2", "i3"])
        self.assertEqual([each["seqno"] for each in self.records("at4.db")], [1, 2, 3, 4])
        self.tidal("restore", "b", "then.db", "--time", times[3])
        self.assertEqual(self.items("then.db"), ["i1", "i2"])

    def test_targets_out_of_reach_name_the_range(self):
        self.tidal("backup", self.written(2), "b")
        for target in (("--seqno", 4), ("--seqno", 0), ("--time", "2001-01-01")):
            error = self.tidal("restore", "b", "r.db", *target, expect=1).stderr
            self.assertRegex(error, r"InvalidArgument.*reaches from seqno 1 \(appended [^)]+\) to seqno 3 \(appended ")
            self.assertFalse((self.root / "r.db").exists())
        error = self.tidal("restore", "b", "r.db", "--time", "noon", expect=2).stderr
        self.assertIn("noon", error)
        both = ("--seqno", 1, "--time", "2026-11-22")
        self.assertIn("excludes", self.tidal("restore", "b", "r", *both, expect=2).stderr)

    def test_a_backup_is_verified_and_inspected_but_not_opened(self):
        name = self.written()
        self.tidal("backup", name, "b")
        before = {str(path): path.read_bytes() for path in (self.root / "b").rglob("*") if path.is_file()}
        verified = self.tidal("verify", "b").stdout
        self.assertRegex(verified, r"backup: \d+ files, up to seqno 6\nb: every checksum is right\n$")
        lines = [json.loads(line) for line in self.tidal("inspect", "b/BACKUP").stdout.splitlines()]
        self.assertEqual(lines[0]["backup"]["seqno"], 6)
        self.assertEqual(len(lines) - 1, lines[0]["backup"]["files"])
        for line in lines[1:]:
            self.assertEqual((self.root / "b" / line["file"]).stat().st_size, line["bytes"])
        self.assertEqual(len(self.tidal("export", "b").stdout.splitlines()), 7)
        self.assertEqual(self.tidal("digest", "b").stdout, self.tidal("digest", name).stdout)
        for command in (["exec", "b", "SHOW SORTS;"], ["status", "b"], ["repair", "b"], ["backup", "b", "c"]):
            self.assertIn("is a backup", self.tidal(*command, expect=1).stderr)
        after = {str(path): path.read_bytes() for path in (self.root / "b").rglob("*") if path.is_file()}
        self.assertEqual(before, after)

    def test_damage_is_refused_naming_the_file(self):
        self.tidal("backup", self.written(), "b")
        for path in [each for each in (self.root / "b").rglob("*") if each.is_file()]:
            content = path.read_bytes()
            damaged = bytearray(content)
            damaged[len(damaged) // 3] ^= 4
            path.write_bytes(damaged)
            self.assertIn(str(path.relative_to(self.root)), self.tidal("restore", "b", "r.db", expect=1).stderr)
            self.assertIn("Corruption", self.tidal("verify", "b", expect=1).stderr)
            self.assertFalse((self.root / "r.db").exists())
            path.write_bytes(content)
        self.tidal("restore", "b", "r.db")

    def test_a_damaged_log_is_not_backed_up(self):
        name = self.written()
        shell = subprocess.Popen([PROGRAM, "shell", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                 cwd=self.root)
        try:
            self.assertEqual(shell.poll(), None)
            shell.stdin.write("SHOW SORTS;\n")
            shell.stdin.flush()
            shell.stdout.readline()
            self.assertIn("AlreadyOpen", self.tidal("backup", name, "b", expect=1).stderr)
        finally:
            shell.communicate("")
        segment = next((self.root / name / "wal").glob("*.wal"))
        content = bytearray(segment.read_bytes())
        content[content.index(b"T2")] ^= 1
        segment.write_bytes(content)
        self.assertRegex(self.tidal("backup", name, "b", expect=1).stderr, r"Corruption.*\.wal offset \d+")
        self.assertFalse((self.root / "b").exists())

    def test_folders_that_are_not_empty_are_refused(self):
        name = self.written(1)
        self.tidal("backup", name, "b")
        self.assertIn("AlreadyExists", self.tidal("backup", name, "b", expect=1).stderr)
        self.assertIn("AlreadyExists", self.tidal("restore", "b", name, expect=1).stderr)
        self.assertIn("NotFound", self.tidal("restore", name, "r", expect=1).stderr)
        self.assertIn("NotFound", self.tidal("backup", "none", "c", expect=1).stderr)
        (self.root / "u").mkdir()
        (self.root / "u" / "BACKUP.unfinished").write_bytes(b"")
        for command in (["restore", "u", "r"], ["backup", name, "u"], ["verify", "u"], ["init", "u"]):
            self.assertIn("FailedPrecondition", self.tidal(*command, expect=1).stderr)

    def test_two_restores_into_one_folder_do_not_spoil_each_other(self):
        name = self.written(2)
        digest = self.tidal("digest", name).stdout
        self.tidal("backup", name, "b")
        for i in range(12):
            both = [subprocess.Popen([PROGRAM, "restore", "b", f"r{i}", "-q"], cwd=self.root, stderr=subprocess.PIPE,
                                     stdout=subprocess.DEVNULL, text=True) for _ in range(2)]
            said = [each.communicate()[1] for each in both]
            self.assertEqual(sorted(each.returncode for each in both), [0, 1], said)
            self.assertEqual(self.tidal("digest", f"r{i}").stdout, digest)

    def names(self):
        """All but those of RocksDB's files, which has other ones after every open."""
        return sorted(path for path in self.root.rglob("*") if path.parent.name != "rollups")

    def test_a_destination_inside_of_the_source_is_refused(self):
        name = self.written(1)
        self.tidal("backup", name, "b")
        (self.root / "other").mkdir()
        (self.root / "to_db").symlink_to(name)
        (self.root / "to_b").symlink_to(self.root / "b")
        for source, command in ((name, "backup"), ("b", "restore"), ("to_b", "restore"), ("to_db", "backup")):
            folder = "b" if command == "restore" else name
            link = "to_b" if command == "restore" else "to_db"
            before = self.names()
            for dest in (f"{folder}/in", f"{folder}/in/deeper", f"{link}/in", f"other/../{folder}/./in/",
                         self.root / folder / "wal"):
                error = self.tidal(command, source, dest, expect=1).stderr
                self.assertRegex(error, r"InvalidArgument\]: .* lies in .*, which it is a copy of")
            self.assertEqual(self.names(), before)
        self.tidal("backup", name, f"{name}.backup")  # a name that only begins like the source's
        self.tidal("restore", "b", "b.restored")

    def test_without_archive(self):
        shutil.copytree(GOLDEN, self.root / "g.db", ignore=shutil.ignore_patterns("stores"))
        self.tidal("exec", "g.db", "ALTER SETTINGS log_bytes:64KiB;")
        self.assertIn("archived", self.tidal("compact", "g.db").stdout)
        self.assertIn("from seqno 1 on", self.tidal("backup", "g.db", "b").stdout)
        self.assertTrue((self.root / "b/archive").exists())
        done = self.tidal("backup", "g.db", "c", "--without-archive")
        self.assertRegex(done.stdout, r"restored from seqno [2-9]\d* on|restored from seqno 1\d+ on")
        self.assertFalse((self.root / "c/archive").exists())
        self.tidal("restore", "c", "r.db")
        self.assertEqual(self.tidal("digest", "r.db").stdout, self.tidal("digest", "g.db").stdout)
        self.tidal("restore", "b", "old.db", "--seqno", 2)
        self.assertIn("reaches from", self.tidal("restore", "c", "o", "--seqno", 2, expect=1).stderr)

    def test_a_full_disk_leaves_nothing(self):
        name = self.written(1)
        self.tidal("backup", name, "b", expect=1, file_bytes_max=1 << 20)
        self.assertFalse((self.root / "b").exists())
        self.tidal("backup", name, "b")
        self.tidal("restore", "b", "r.db", expect=1, file_bytes_max=1 << 20)
        self.assertFalse((self.root / "r.db").exists())

    def test_help_has_an_example(self):
        self.assertIn("tidal backup tube.db /backups/2026-11-22", self.tidal("backup", "--help").stdout)
        self.assertIn("--time 2026-11-22T11:59Z", self.tidal("restore", "--help").stdout)

    def test_the_example_of_the_page_works(self):
        block = re.search(r"```sh\n(.*?)```", PAGE.read_text(), re.S).group(1)
        self.database("tube.db")
        script = block.replace("tidal ", f"{PROGRAM} ")
        done = subprocess.run(["sh", "-e"], input=script, text=True, capture_output=True, cwd=self.root,
                              env={**os.environ, "NO_COLOR": "1"}, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.items("before.db"), ["i1"])


if __name__ == "__main__":
    unittest.main()
