#!/usr/bin/env python3
"""Imports and exports as a person would run them: what is in, what is left out, what comes back.

usage: import_program_test.py PROGRAM [TEST…]
"""
import gzip, json, random, subprocess, unittest

from tidal_program import PROGRAM, Program


class Import(Program):
    RATINGS = "userId,movieId,rating,timestamp\n" + "".join(
        f"{u},{m},{(u + m) % 5 + 1},{1500000000 + u * 1000 + m}\n" for u in range(1, 40) for m in range(1, 20))
    MAP = ["--map", "signal:kind=view,user=userId,item=movieId,value=rating,at=timestamp:unix",
           "--map", "signal:kind=like,user=userId,item=movieId,at=timestamp:unix,where=rating>=4"]

    def movies(self):
        rows = "".join(f'{m},"Film, {m}",{1980 + m}\n' for m in range(1, 20))
        return self.file("movies.csv", "movieId,title,year\n" + rows)

    def test_twice_is_once_and_compression_does_not_matter_to_the_result(self):
        a, b = self.database("a.db"), self.database("b.db")
        self.movies()
        self.file("ratings.csv", self.RATINGS)
        self.file("ratings.csv.gz", gzip.compress(self.RATINGS.encode()))
        for name, ratings in ((a, "ratings.csv"), (b, "ratings.csv.gz")):
            self.tidal("import", name, "movies.csv", "--map", "item:key=movieId,title=title,year=year")
            done = self.tidal("import", name, ratings, *self.MAP)
            self.assertIn("--clock events", done.stderr)
        once = self.digest(a)
        self.assertEqual(once, self.digest(b))
        for again in ("ratings.csv", "ratings.csv.gz"):
            self.assertIn(": 0 operations (1,037 were in already)", self.tidal("import", a, again, *self.MAP).stderr)
        self.assertEqual(once, self.digest(a))

    def test_a_bare_table_is_guessed_and_nothing_is_written(self):
        name = self.database()
        self.movies()
        done = self.tidal("import", name, "movies.csv", expect=1)
        self.assertIn("tidal import d.db movies.csv --map 'item:key=movieId,title=title,year=year'", done.stderr)
        self.assertIn("0 items", self.tidal("status", name).stdout)

    def test_bad_lines_are_listed_and_the_others_are_in(self):
        name = self.database()
        self.file("e.jsonl", '{"op":"item","key":"i1"}\nnonsense\n{"op":"signal","kind":"like","item":"i9"}\n'
                             '{"op":"signal","kind":"view","item":"i1","value":-4}\n'
                             '{"op":"signal","kind":"like","item":"i1","user":"u1","at":"2020-01-01"}\n')
        self.file("f.jsonl", '{"op":"item","key":"i2"}\n')
        done = self.tidal("import", name, "e.jsonl", "f.jsonl", expect=1)
        self.assertIn("3 bad lines", done.stderr)
        self.assertIn("e.jsonl.rejects", done.stderr)
        rejects = (self.root / "e.jsonl.rejects").read_text().splitlines()
        self.assertRegex(rejects.pop(0), "^# lines left out by tidal import [0-9a-f]{64}$")
        self.assertEqual([line.split("\t")[0] for line in rejects], ["2", "3", "4"])
        self.assertIn("2 items, 1 user", self.tidal("status", name).stdout, "the other file is read all the same")

    REFUSED = ('{"op":"item","key":"i1"}\n{"op":"signal","kind":"like","item":"i9","user":"u1"}\n'
               '{"op":"signal","kind":"like","item":"i1","user":"u1"}\n')

    def test_a_second_import_tells_the_bad_lines_of_the_first(self):
        name = self.database()
        self.file("e.jsonl", self.REFUSED)
        self.tidal("import", name, "e.jsonl", expect=1)
        listed = (self.root / "e.jsonl.rejects").read_text()
        for _ in range(2):
            done = self.tidal("import", name, "e.jsonl", expect=1)
            self.assertIn("1 bad line left out, 1 of them by an earlier run", done.stderr)
            self.assertEqual((self.root / "e.jsonl.rejects").read_text(), listed)

    def test_rejects_never_replace_another_file(self):
        name = self.database()
        content = {"e.jsonl": self.REFUSED, "ids.tsv": "1\tone\n", "f.jsonl": '{"op":"item","key":"i2"}\n'}
        for path, text in content.items():
            self.file(path, text)
        (self.root / "link").symlink_to("e.jsonl")
        (self.root / "f.jsonl.rejects").symlink_to("e.jsonl")
        for path, expect in (("e.jsonl", 2), ("./e.jsonl", 2), ("link", 2), ("/dev/null", 2), ("ids.tsv", 1)):
            self.assertIn(path, self.tidal("import", name, "e.jsonl", "--rejects", path, expect=expect).stderr)
        self.tidal("import", name, "f.jsonl", "e.jsonl", expect=2)
        for path, text in content.items():
            self.assertEqual((self.root / path).read_text(), text)
        self.assertIn("0 items", self.tidal("status", name).stdout)

    def test_rejects_that_cannot_be_written(self):
        name = self.database()
        self.file("e.jsonl", self.REFUSED)
        (self.root / "e.jsonl.rejects").mkdir()
        done = self.tidal("import", name, "e.jsonl", "--rejects", "no/folder/r", expect=1)
        self.assertIn("could not write no/folder/r", done.stderr)
        self.assertIn("0 items", self.tidal("status", name).stdout)
        done = self.tidal("import", name, "e.jsonl", expect=1)
        self.assertIn("warning: could not write e.jsonl.rejects", done.stderr)
        self.assertIn("1 item,", self.tidal("status", name).stdout)

    def test_json_lines_with_a_map_are_the_same_import(self):
        name = self.database()
        self.file("e.jsonl", '{"op":"item","key":"i1"}\n{"op":"signal","kind":"like","item":"i1","user":"u1"}\n')
        self.tidal("import", name, "e.jsonl")
        done = self.tidal("import", name, "e.jsonl", "--map", "item:key=key")
        self.assertIn(": 0 operations (2 were in already)", done.stderr)

    def test_options_stand_before_names_too(self):
        name = self.database()
        self.movies()
        self.tidal("import", "--map", "item:key=movieId,title=title", name, "movies.csv")
        self.assertIn("19 items", self.tidal("status", name).stdout)

    def test_a_binary_file_is_refused(self):
        name = self.database()
        for content in (b"PK\x03\x04\x14\x00\x06\x00", gzip.compress(b"\x7fELF\x02\x01\x01\x00")):
            done = self.tidal("import", name, self.file("data", content), expect=1)
            self.assertIn("got binary data", done.stderr)
            self.assertNotIn("first rows", done.stderr)

    def assert_round_trip(self, name, copy):
        self.tidal("export", name, "--out", copy + ".export")
        self.tidal("init", copy, "-q")
        self.tidal("import", copy, f"{copy}.export/data.jsonl")
        self.assertEqual(self.digest(name), self.digest(copy))
        for what in ("schema", "all"):
            self.assertEqual(self.tidal("export", name, "--what", what).stdout,
                             self.tidal("export", copy, "--what", what).stdout)

    def test_an_export_carries_later_definitions_and_settings_in_their_place(self):
        name = self.database()
        self.tidal("exec", name, '''
            PUT item @old {};
            SIGNAL view ON @old BY @u1 AT 2026-01-01T00:00Z;
            DEFINE FIELD item.isbn KEYWORD REQUIRED;
            ALTER SETTINGS seen_expires:30d;
            PUT item @new {"fields":{"isbn":"x"}};
            SIGNAL view ON @new BY @u1 AT 2026-01-02T00:00Z;
            SIGNAL view ON @old BY @u2 AT 2026-01-03T00:00Z;
            DELETE item @old;
            ALTER SETTINGS create_users:false;
            BEGIN; DEFINE FIELD item.pages INT INDEXED; DEFINE SIGNAL poke; ALTER SETTINGS seen_expires:never; COMMIT;
            ALTER SETTINGS seen_expires:1d, create_users:true, hot_gravity:2.5;
            PUT item @old {"fields":{"isbn":"y","pages":7}};
            SIGNAL poke ON @old BY @u3 AT 2026-01-01T12:00Z;''')
        self.assert_round_trip(name, "c.db")
        rows = [json.loads(line) for line in (self.root / "c.db.export/data.jsonl").read_text().splitlines()]
        self.assertEqual(rows[0], {"op": "export", "order": "log"})
        self.assertEqual([row["op"] for row in rows].count("schema"), 6)
        parts = [self.tidal("export", name, "--what", what).stdout for what in ("entities", "signals")]
        self.assertNotIn('"op":"schema"', "".join(parts))
        self.file("half.jsonl", "".join(part.split("\n", 1)[1] for part in parts))  # without the mark of an export
        self.tidal("init", "half.db", "--schema", "c.db.export/schema.tidal", "-q")
        self.tidal("import", "half.db", "half.jsonl", expect=1)  # @old came before isbn was required

    def test_random_histories_come_back_as_they_were(self):
        for seed in range(6):
            choose = random.Random(seed)
            name, statements, fields = self.database(f"{seed}.db"), [], []
            for i in range(120):
                item, user = f"@i{choose.randrange(5)}", f"@u{choose.randrange(4)}"
                at = f"2026-0{choose.randrange(1, 7)}-0{choose.randrange(1, 10)}T00:00Z"
                value = "{" + ", ".join(f'"{field}": {i}' for field in fields) + "}"
                statements.append(choose.choice([
                    f'PUT item {item} {{"creator": "c{i % 3}", "fields": {value}}};', f"DELETE item {item};",
                    f"SIGNAL view ON {item} BY {user} VALUE {choose.random():.3} AT {at};",
                    f"SIGNAL like ON {item} BY {user};", f'UPDATE item {item} {{"fields": {{"year": {i}}}}};',
                    f"DELETE user {user};", f"ALTER SETTINGS seen_expires:{choose.randrange(3)}d;",
                    f"SIGNAL view ON {item} BY {user} AT {at};", f'PUT user {user} {{}};']))
                if choose.random() < 0.05:
                    fields.append(f"f{i}")
                    statements.append(f"DEFINE FIELD item.f{i} INT {choose.choice(['REQUIRED', 'INDEXED', ''])};")
            done = subprocess.run([PROGRAM, "exec", name, "--keep-going", "-q"], input="\n".join(statements), text=True,
                                  capture_output=True, cwd=self.root)
            self.assertIn("put created", done.stdout, done.stderr)
            self.assert_round_trip(name, f"{seed}.copy")

    def test_export_and_import_give_the_same_views(self):
        name = self.database()
        self.movies()
        self.file("ratings.csv", self.RATINGS)
        self.tidal("import", name, "movies.csv", "--map", "item:key=movieId,title=title,year=year")
        self.tidal("import", name, "ratings.csv", *self.MAP)
        self.tidal("exec", name, r'''
            PUT item @x {"creator":"c1","created_at":"2019-01-02T03:04:05.678901Z",
                         "fields":{"title":"A \"quote\" \\ é\n"}};
            PUT item @open {};
            SIGNAL view ON @x BY @u1 VALUE 2.5 WEIGHT 0.25 AT 2020-02-01T00:00:00.123456Z KEY "k1"
              CONTEXT {"surface":"home"};
            SIGNAL like ON @x;
            UPDATE item @x {"fields":{"title":null,"year":2001}};
            DELETE item @3;
            PUT item @3 {"fields":{"title":"back"}};
            DELETE item @4;''')
        self.assert_round_trip(name, "c.db")
        entities = self.tidal("export", name, "--what", "entities").stdout
        self.assertNotIn('"op":"signal"', entities)
        self.assertTrue(all('"op":"signal"' in line
                            for line in self.tidal("export", name, "--what", "signals").stdout.splitlines()[1:]))
        self.assertIn("exists", self.tidal("export", name, "--out", "c.db.export", expect=1).stderr)


if __name__ == "__main__":
    unittest.main()
