#!/usr/bin/env python3
"""Runs the program as a person would: exit codes, messages, files.

usage: cli_program_test.py PROGRAM [TEST…]
"""
import gzip, json, os, pathlib, pty, random, re, resource, select, signal, subprocess, sys, tempfile, unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))


class Program(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def tidal(self, *arguments, expect=0, stdin="", file_bytes_max=None):
        def limit():  # stands for a full disk: longer files are refused with an error
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, file_bytes_max))

        env = {**os.environ, "HOME": str(self.root), "NO_COLOR": "1"}
        done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, text=True,
                              cwd=self.root, env=env, timeout=120, preexec_fn=limit if file_bytes_max else None)
        self.assertEqual(done.returncode, expect, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def file(self, name, content):
        path = self.root / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def database(self, name="d.db", schema="DEFINE FIELD item.title TEXT; DEFINE FIELD item.year INT INDEXED;\n"
                 "DEFINE SIGNAL view VALUE 0.. DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY\n"
                 "  EFFECTS mark seen;\n"
                 "DEFINE SIGNAL like ROLE positive WINDOWS 24h, 7d EFFECTS mark liked;"):
        self.file("schema.tidal", schema)
        self.tidal("init", name, "--schema", "schema.tidal", "--quiet")
        return name

    def digest(self, name):
        lines = self.tidal("digest", name, "--by", "view").stdout.splitlines()
        views = dict(reversed(line.split("  ")) for line in lines[:-1])
        return {k: v for k, v in views.items() if k != "import_marks"}


class Usage(Program):
    def test_version_and_help(self):
        self.assertRegex(self.tidal("version").stdout, r"^tidal \d+\.\d+\.\d+\n$")
        self.assertIn("tidal init tube.db", self.tidal("--help").stdout)
        self.assertIn("Example:", self.tidal("help", "import").stdout)
        for command in self.commands():
            text = self.tidal(*command, "--help").stdout
            self.assertIn("Example:\n  tidal " + " ".join(command), text)
            self.assertIn("Usage: tidal " + " ".join(command) + " [", text)
            self.assertEqual(text, self.tidal("help", *command).stdout)

    def commands(self, *above):
        """Every command that --help lists, those of commands too; those that come later left out."""
        text = self.tidal(*above, "--help").stdout.partition("Subcommands:")[2].split("\n\n")[0]
        for name in re.findall(r"^  (\w+) ", text, re.MULTILINE):
            yield (*above, name)
            yield from self.commands(*above, name)

    def options(self, *command):
        text = self.tidal(*command, "--help").stdout.partition("Options:")[2]
        text = text.partition("Subcommands:")[0].partition("Example:")[0]
        return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))

    def test_what_is_not_understood_gives_2(self):
        for arguments in ([], ["nonsense"], ["init"], ["init", "a", "--template", "zoo"],
                          ["exec", "--format", "xml", "x"], ["import", "d"], ["digest", "d", "--by", "year"],
                          ["completions", "tcsh"], ["wal"],
                          ["exec", "SHOW SORTS;", "--param", "novalue"], ["help", "nonsense"],
                          ["exec", "SHOW SORTS;", "--clock", "noon"], ["status", "d", "--clock", "noon"]):
            done = self.tidal(*arguments, expect=2)
            self.assertTrue(done.stderr, arguments)
            self.assertEqual(done.stdout, "", arguments)

    def test_what_comes_later_says_so(self):
        for command in "repair backup restore compact serve eval".split():
            self.assertIn("not available yet", self.tidal(command, "d.db", expect=1).stderr)

    def test_errors_of_usage_say_what_was_expected_and_guess_what_was_meant(self):
        for arguments, said in (
                (["improt", "d"], "there is no command 'improt' (did you mean 'import'?)"),
                (["help", "improt"], "there is no command 'improt' (did you mean 'import'?)"),
                (["init", "a", "--template", "vidoe"],
                 "--template: expected video, articles, shop or social, got 'vidoe' (did you mean 'video'?)"),
                (["exec", "--format", "xml", "x"], "--format: expected csv, json, jsonl or table, got 'xml'"),
                (["exec", "SHOW SORTS;", "--clock", "foo"],
                 "--clock: expected a time such as 2026-11-22T12:00Z, or events, got 'foo'"),
                (["wal", "dmup"], "tidal wal"), ([], "expected a command")):
            self.assertIn(said, self.tidal(*arguments, expect=2).stderr)

    def test_completions_know_every_command_and_option(self):
        scripts = {shell: self.tidal("completions", shell).stdout for shell in ("bash", "zsh", "fish")}
        commands = list(self.commands())
        self.assertIn(("bench",), commands)
        self.assertIn(("wal", "dump"), commands)
        for command in commands:
            path, options = " ".join(command), self.options(*command)
            self.assertIn("--help", options)
            for option in options:
                self.assertIn(option, self.completed(scripts["bash"], *command, option), command)
                zsh = scripts["zsh"].partition(f"    '{path}') _arguments")[2].split(";;")[0]
                self.assertIn(f"'*{option}[", zsh)
                word = "-l " + option[2:] if option.startswith("--") else "-s " + option[1:]
                self.assertRegex(scripts["fish"], rf"__fish_seen_subcommand_from {command[-1]}\".* {word} ")

    def completed(self, script, *words):
        """What bash offers for the last word."""
        done = subprocess.run(["bash", "-c", script + "\nCOMP_WORDS=(tidal \"$@\"); COMP_CWORD=$#; _tidal; "
                               "printf '%s\\n' \"${COMPREPLY[@]}\"", "bash", *words],
                              capture_output=True, text=True, cwd=self.root)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash_completes_words_and_files(self):
        script = self.tidal("completions", "bash").stdout
        self.assertEqual(self.completed(script, "imp"), ["import"])
        self.assertEqual(self.completed(script, "wal", "d"), ["dump"])
        self.assertEqual(self.completed(script, "bench", "tr"), ["trending"])
        self.assertEqual(self.completed(script, "exec", "--format", "js"), ["json", "jsonl"])
        self.assertEqual(self.completed(script, "init", "x", "--template", ""), ["video", "articles", "shop", "social"])
        self.file("events.csv", "")
        self.assertEqual(self.completed(script, "import", "ev"), ["events.csv"])


class Directories(Program):
    def test_a_wrong_directory_is_never_made(self):
        for arguments in (["exec", "no.db", "SHOW STATS;"], ["exec", "no.db"], ["shell", "no.db"], ["status", "no.db"],
                          ["verify", "no.db"], ["digest", "no.db"], ["import", "no.db", "x.csv"], ["export", "no.db"],
                          ["wal", "dump", "no.db"], ["wal", "stats", "no.db"]):
            done = self.tidal(*arguments, expect=1)
            self.assertIn("tidal init", done.stderr, arguments)
            self.assertFalse((self.root / "no.db").exists(), arguments)

    def test_init_makes_every_template_and_says_what_next(self):
        for name in ("video", "articles", "shop", "social"):
            out = self.tidal("init", name + ".db", "--template", name).stdout
            self.assertLessEqual(len(out.splitlines()), 10)
            self.assertIn("tidal shell " + name + ".db", out)
            self.tidal("exec", name + ".db", "RETRIEVE items SORT BY trending LIMIT 3; RETRIEVE items SORT BY hot;")

    def test_init_refuses_what_is_there(self):
        self.database()
        self.assertIn("AlreadyExists", self.tidal("init", "d.db", expect=1).stderr)
        (self.root / "full").mkdir()
        self.file("full/x", "")
        self.assertIn("not empty", self.tidal("init", "full", expect=1).stderr)

    def test_a_wrong_schema_leaves_nothing(self):
        self.file("bad.tidal", "DEFINE FIELD item.title TEXT;\nDEFINE FIELD item.limit INT;\n")
        self.assertIn("limit", self.tidal("init", "d.db", "--schema", "bad.tidal", expect=1).stderr)
        self.assertFalse((self.root / "d.db").exists())

    def test_an_init_that_found_no_room_can_be_run_again(self):
        (self.root / "empty.db").mkdir()
        for name in ("new.db", "empty.db"):
            self.tidal("init", name, "--template", "video", expect=1, file_bytes_max=1 << 20)
            left = self.root / name
            self.assertEqual(list(left.iterdir()) if left.exists() else [], [])
            self.assertEqual(left.exists(), name == "empty.db")
            self.tidal("init", name, "--template", "video")

    def test_two_processes_do_not_share_a_directory(self):
        self.database()
        holder = subprocess.Popen([PROGRAM, "shell", "d.db"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, cwd=self.root, text=True)
        holder.stdin.write("SHOW SORTS;\n")
        holder.stdin.flush()
        holder.stdout.readline()
        self.assertIn("AlreadyOpen", self.tidal("status", "d.db", expect=1).stderr)
        holder.communicate()
        self.assertEqual(holder.returncode, 0)

    def test_status_verify_wal_inspect(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @i1 {"fields":{"title":"Heat"}}; SIGNAL like ON @i1 BY @u1;')
        status = self.tidal("status", name).stdout
        self.assertIn("1 item, 1 user", status)
        self.assertIn("newest event", status)
        self.assertIn("every checksum is right", self.tidal("verify", name).stdout)
        dump = [json.loads(line) for line in self.tidal("wal", "dump", name).stdout.splitlines()]
        self.assertEqual([each["type"] for each in dump], ["schema", "put", "signal"])
        self.assertEqual(len(self.tidal("wal", "dump", name, "--from", 2, "--limit", 1).stdout.splitlines()), 1)
        self.assertIn("signal", self.tidal("wal", "stats", name).stdout)
        segment = next((self.root / name / "wal").glob("*.wal"))
        self.assertIn('"type":"put"', self.tidal("inspect", segment).stdout)
        for file in (self.root / name / "checkpoints").rglob("*"):
            if file.is_file():
                json.loads(self.tidal("inspect", file).stdout.splitlines()[0])
        self.assertIn("none of ours", self.tidal("inspect", self.file("x", "hello"), expect=1).stderr)

    def test_verify_finds_a_flipped_byte(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @i1 {"fields":{"title":"Heat"}};')
        segment = next((self.root / name / "wal").glob("*.wal"))
        data = bytearray(segment.read_bytes())
        data[data.index(b"Heat")] ^= 1
        segment.write_bytes(data)
        self.assertIn("offset", self.tidal("verify", name, expect=1).stderr)


class Exec(Program):
    def test_memory_directory_stdin_and_file(self):
        self.assertIn("hot", self.tidal("exec", "SHOW SORTS;").stdout)
        name = self.database()
        self.tidal("exec", name, stdin="PUT item @a {};")
        self.file("s.tidal", "GET item @a;")
        self.assertIn("created_at", self.tidal("exec", name, "--file", "s.tidal").stdout)

    def test_formats(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @a {"fields":{"title":"Alpha","year":1990}};')
        query = 'RETRIEVE items FILTER year >= 1980 SORT BY new;'
        self.assertIn("Alpha", self.tidal("exec", name, query).stdout)
        for form in ("json", "jsonl"):
            reply = json.loads(self.tidal("exec", name, query, "--format", form).stdout)
            self.assertEqual(reply["items"][0]["fields"]["title"], "Alpha")
        rows = self.tidal("exec", name, query, "--format", "csv").stdout.splitlines()
        self.assertTrue(rows[0].startswith("rank,key"))
        self.assertEqual(len(self.tidal("exec", name, query * 2, "--format", "json").stdout.splitlines()), 2)
        twice = self.tidal("exec", name, query * 2, "--format", "csv").stdout.split("\n\n")
        self.assertEqual([table.splitlines() for table in twice], [rows, rows], "an empty line between two tables")

    def test_answers_go_to_stdout_and_timings_to_stderr(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @a {"fields":{"title":"Alpha"}};')
        for statement in ("SHOW SORTS;", "GET item @a;", "RETRIEVE items SORT BY new;", "HELP;", "SHOW SCHEMA;"):
            for form in ("table", "csv"):
                done = self.tidal("exec", name, statement, "--format", form)
                self.assertNotRegex(done.stdout, r"\d (µs|ms|s)\n")
                self.assertRegex(done.stderr, r"\d (µs|ms|s)\n")
                self.assertEqual(self.tidal("exec", name, statement, "--format", form, "--quiet").stdout, done.stdout)
        self.assertIn("got 5.0001\n", self.tidal("exec", name, "SIGNAL like ON @a VALUE 5.0001;", expect=1).stderr)

    def test_errors_point_and_stop(self):
        done = self.tidal("exec", "PUT item @a {}; RETRIEVE itmes; PUT item @b {};", expect=1)
        self.assertIn("^^^^^", done.stderr)
        done = self.tidal("exec", "--keep-going", "--format", "json", "GET item @x; SHOW SORTS;", expect=1)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(lines[0]["error"]["code"], "NotFound")
        self.assertIn("rows", lines[1])

    def test_params_and_clock(self):
        name = self.database()
        self.tidal("exec", name, 'PUT item @a {"created_at":"2019-01-01"};'
                                 'SIGNAL view ON @a BY @u1 AT 2020-01-01T00:00Z;')
        out = self.tidal("exec", name, "RETRIEVE items FOR USER $user FILTER unseen SORT BY new;",
                         "--param", "user=u1").stderr
        self.assertIn("0 items", out)
        query = "RETRIEVE items FILTER view.count(24h) >= 1 SORT BY new;"
        self.assertIn("0 items", self.tidal("exec", name, query).stderr)
        self.assertIn("1 item,", self.tidal("exec", name, query, "--clock", "events").stderr)
        self.assertIn("1 item,", self.tidal("exec", name, query, "--clock", "2020-01-01T00:02Z").stderr)


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
        self.assertEqual([line.split("\t")[0] for line in rejects], ["2", "3", "4"])
        self.assertIn("2 items, 1 user", self.tidal("status", name).stdout, "the other file is read all the same")

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


class Documentation(Program):
    """Examples of the pages that a person copies from; docs/language.md is run by document_test."""

    def page(self, name):
        return (pathlib.Path(__file__).parents[2] / name).read_text()

    def block(self, page, language):
        return re.search(rf"^```{language}\n(.*?)^```$", self.page(page), re.MULTILINE | re.DOTALL)[1]

    def test_every_line_of_the_import_page_is_taken(self):
        name = self.database(schema="DEFINE FIELD item.title TEXT; DEFINE FIELD item.tags KEYWORD[];"
                                    "DEFINE FIELD user.country KEYWORD; DEFINE SIGNAL like VALUE 0..;")
        lines = self.block("docs/import.md", "json").splitlines()
        self.assertEqual({json.loads(line)["op"] for line in lines},
                         {"item", "user", "creator", "update", "delete", "signal", "schema"})
        lines.insert(-1, lines[0])  # the signal is on what the line before it deleted
        self.file("e.jsonl", "\n".join(lines))
        self.tidal("import", name, "e.jsonl", "--as-is", "--clock", "2026-11-23T00:00Z")

    def test_the_maps_of_the_import_page_are_taken(self):
        name = self.database(schema="DEFINE FIELD item.title TEXT; DEFINE FIELD item.genres KEYWORD[];"
                                    "DEFINE SIGNAL like;")
        items, signals = re.search(r"```\n(item:\S+)\n(signal:\S+)\n```", self.page("docs/import.md")).groups()
        self.file("movies.csv", "movieId,title,genres\n1,Heat,Crime|Drama\n")
        self.file("ratings.csv", "userId,movieId,rating,timestamp\n7,1,5,1500000000\n8,1,2,1500000000\n")
        self.tidal("import", name, "movies.csv", "--map", items)
        self.assertIn(": 1 operation ", self.tidal("import", name, "ratings.csv", "--map", signals).stderr)

    def test_the_commands_of_the_import_page_copy_a_database(self):
        name = self.database()
        self.tidal("export", name, "--out", "COPY")
        for line in self.block("docs/import.md", "sh").splitlines():
            self.assertEqual(line.split()[0], "tidal")
            self.tidal(*line.split()[1:])
        self.assertEqual(self.digest(name), self.digest("NEW"))

    def test_the_statements_of_the_readme_run(self):
        self.tidal("init", "tube.db", "--template", "video")
        self.tidal("exec", "tube.db", 'PUT item @i1 {"fields":{"title":"Piano basics"}};')
        statements = re.findall(r"`((?:RETRIEVE|SIGNAL) [^`]*;)`", self.page("README.md"))
        self.assertGreater(len(statements), 3)
        for statement in statements:
            self.tidal("exec", "tube.db", statement)
        for sort in re.findall(r"`SORT BY (\w+)`", self.page("README.md")):
            self.tidal("exec", "tube.db", f"RETRIEVE items SORT BY {sort};")
        for command in re.findall(r"`(?:build/release/)?tidal ([a-z]+)", self.page("README.md")):
            self.tidal(command, "--help")


class Shell(Program):
    def test_runs_what_is_piped_in_and_tells_errors_by_its_exit_code(self):
        self.assertIn("rank", self.tidal("shell", stdin="PUT item @a {};\nRETRIEVE items\n  SORT BY new;\n").stdout)
        self.tidal("shell", stdin="RETRIEVE itmes;\n", expect=1)

    def test_ctrl_c_clears_the_line_and_statements_are_remembered(self):
        try:
            child, terminal = pty.fork()
        except OSError as error:
            self.skipTest(f"no terminal to be had here: {error}")
        if child == 0:
            # libedit never frees the name and help of a function that is added to it.
            os.environ.update(HOME=str(self.root), TERM="xterm", ASAN_OPTIONS="detect_leaks=0")
            os.execv(PROGRAM, [PROGRAM, "shell"])

        unread = b""

        def read_until(text):
            nonlocal unread
            while text not in unread and select.select([terminal], [], [], 30)[0]:
                unread += os.read(terminal, 65536)
            self.assertIn(text, unread)
            seen, unread = unread.split(text, 1)
            return seen

        read_until(b"tidal> ")
        os.write(terminal, b"RETRIEVE nonsense")
        read_until(b"nonsense")
        os.write(terminal, b"\x03")
        read_until(b"^C")
        read_until(b"tidal> ")
        os.write(terminal, b"RETR\titems SORT BY new;\n")
        self.assertNotIn(b"error", read_until(b"0 candidates"))
        os.write(terminal, b"\\q\n")
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertIn("items", (self.root / ".tidal_history").read_text())

    def test_demo_runs_its_offers_without_a_terminal(self):
        out = self.tidal("demo", stdin="\\q\n").stdout
        self.assertIn("2,000 items", out)
        self.assertIn("candidates", out)


if __name__ == "__main__":
    unittest.main()
