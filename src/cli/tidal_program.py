"""The program under test, in a folder of its own for each test; tests import this."""
import os, pathlib, resource, signal, subprocess, sys, tempfile, unittest

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
        return {k: v for k, v in views.items() if k not in ("import_marks", "duplicates")}
