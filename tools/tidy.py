#!/usr/bin/env python3
"""The style of docs/STYLE.md as a test: layers, sizes, banned calls, names, leftovers.

usage: tools/tidy.py               checks the work tree, prints FILE:LINE: what is wrong and what to do
       tools/tidy.py --self-test   proves that every rule still catches its canary
"""
import pathlib, re, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE_LINES_MAX, FUNCTION_LINES_MAX, COLUMNS_MAX = 500, 70, 120

# Which folders of src/ a folder may include, besides itself, base/ and include/tidal.
LAYERS = {
    "base": "", "wal": "", "storage": "", "materializer": "wal", "schema": "wal materializer",
    "entity": "wal storage materializer schema", "index": "wal storage materializer schema",
    "signal": "wal storage materializer schema entity index", "ranking": "schema signal",
    "relationship": "wal storage materializer schema entity index signal",
    "query": "schema entity index signal relationship ranking",
    "db": "wal storage materializer schema entity index signal relationship ranking query", "cli": "wal storage db",
}
LAYERS = {folder: set(names.split()) for folder, names in LAYERS.items()}
# Reading never touches the log: these folders reach none of those, through any chain of headers.
UNREACHABLE = {"query": {"wal", "materializer"}, "ranking": {"wal", "materializer"}}
# Folders whose code writes state that must have the same bits on every machine.
STATE = "src/(signal|relationship|entity|index|materializer|wal|schema)/"
# Headers of the C library and of POSIX, which our headers may include where they must.
SYSTEM_HEADER = re.compile(r"[a-z_0-9]+|(sys/)?[a-z]+\.h")

# name: (pattern over code without comments and strings, paths it holds for, paths it does not, what to do instead).
# " test" stands behind the path of a test, of a header that only tests include, and of a benchmark.
BANNED = {
    "throw": (r"\bthrow\b", "", "", "return an Error"),
    "mutex": (r"std::(mutex|shared_mutex|recursive_mutex|lock_guard|unique_lock|scoped_lock|condition_variable)\b",
              "", "src/base/mutex.h", "base::Mutex and MutexLock, which the thread-safety analysis sees"),
    "volatile": (r"\bvolatile\b", "", " test$", "std::atomic with a named memory order"),
    "sleep": (r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|[^\w.]sleep\s*\(", "", "",
              "wait for the condition itself; tests set a base::Clock"),
    "clock": (r"\b(system_clock|high_resolution_clock)::now|\b(gettimeofday|clock_gettime)\s*\(",
              "", "src/base/| test$", "a Timestamp parameter or base::Clock; std::chrono::steady_clock to measure"),
    "random": (r"\bs?rand\s*\(|std::(random_device|default_random_engine)", "", "src/base/",
               "the seeded generator of base/random.h"),
    "generator": (r"std::mt19937", "src/", "src/base/| test$", "the seeded generator of base/random.h"),
    "print": (r"\b(f|v|vf)?printf\s*\(|\bputs\s*\(|std::(cout|cerr|clog)\b", "src/",
              "src/cli/|src/base/assert.h| test$", "return the text, or log through base/log.h"),
    "using namespace": (r"\busing\s+namespace\b", r".*\.h$", "", "name what is used"),
    "libm": (r"\bstd::(exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|tanh|cbrt|erf)\s*\(", STATE, " test$",
             "base/ordered_math.h: libm differs in the last bit between machines"),
    "toolchain": (r"std::(source_location|views|format|expected|move_only_function)\b|<(format|expected)>", "", "",
                  "what both gcc 12 and clang 14 have (fmt, std::ranges algorithms, tidal::Result)"),
}
# The same over whole text, comments and documents included. Pieces, so that this file does not match itself.
LEFTOVERS = {
    "leftover": (r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|\bfor " r"now\b(?!'s)", "finish it or leave it out"),
    "machine path": ("/wo" "rk/|/ro" "ot/", "a path relative to the project"),
    "mention": (r"\b[Ss]pec" r"s? \d|\bissue #?\d|shared/spe" "cs", "cite a page of docs/ or the paper"),
}
VAGUE = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?)(_|\.|$)", re.IGNORECASE)
VAGUE_TYPE = re.compile(r"\b(class|struct)\s+\w*(Utils?|Helpers?|Misc|Manager)\b")


def blank(text):
    """The code with comments and literals replaced by spaces; lines stay where they are."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)

    def spaces(match):
        before = text[match.start() - 1: match.start()]
        if match.group().startswith("'") and before.isalnum():  # a digit separator
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())
    return token.sub(spaces, text)


def includes(text):
    """(line, name, quoted) of every include."""
    pattern = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
    for number, line in enumerate(text.splitlines(), 1):
        if match := pattern.match(line):
            yield number, match.group(2), match.group(1) == '"'


def functions(code):
    """(first line, lines) of every function body. Relies on clang-format: a space precedes only the brace of a body."""
    depth_of_body, depth, start, header = None, 0, 0, ""
    control = re.compile(r"\s*(namespace|class|struct|enum|union|extern|template\s*<[^>]*>\s*(class|struct))\b")
    skip_to = 0
    for position, char in enumerate(code):
        if position < skip_to:
            continue
        if char == "{":
            if depth_of_body is None and re.search(r"\w$", header):  # a brace initialiser of a constructor
                skip_to = closing(code, position) + 1
                continue
            if depth_of_body is None and ")" in header and not control.match(header):
                depth_of_body, start = depth, position
            depth += 1
            header = ""
        elif char == "}":
            depth -= 1
            if depth == depth_of_body:
                yield code.count("\n", 0, start) + 1, code.count("\n", start, position) + 1
                depth_of_body = None
            header = ""
        else:
            header = "" if char == ";" else header + char


def closing(code, position):
    depth = 0
    for index in range(position, len(code)):
        depth += {"{": 1, "}": -1}.get(code[index], 0)
        if depth == 0:
            return index
    return len(code) - 1


def targets(text, tree):
    """Paths of our headers that the text includes."""
    return [path for _, name, quoted in includes(text) if quoted
            for path in (f"src/{name}", f"include/{name}", name) if path in tree]


def test_paths(tree):
    """Tests, benchmarks, and the headers of src/ that they include and the product does not."""
    tests = {path for path in tree if path.endswith("_test.cc") or path.startswith(("test/", "bench/"))}
    reach = {"test": set(), "product": set()}
    for path in tree:
        if path.endswith(".cc"):
            queue = [path]
            kind = reach["test" if path in tests else "product"]
            while queue:
                new = [header for header in targets(tree[queue.pop()], tree) if header not in kind]
                kind.update(new)
                queue += new
    return tests | (reach["test"] - reach["product"])


def allowed(path, is_test):
    """The folders that a file of src/ may include. A test may include all that lies below, to feed what it tests."""
    folder = path.split("/")[1]
    names = {folder, "base", "tidal"} | LAYERS.get(folder, set())
    while is_test:
        more = names | set().union(*(LAYERS.get(name, set()) for name in names))
        if more == names:
            break
        names = more
    return names


def check_layers(path, text, tree, is_test):
    beyond = set(LAYERS) - allowed(path, is_test) if path.startswith("src/") else set()
    for line, name, quoted in includes(text):
        folder = name.split("/")[0]
        if quoted and folder in beyond:
            yield line, "layer", f"{path.split('/')[1]}/ may not include {name} (docs/STYLE.md has the table)"
        if path.startswith("include/") and quoted and folder != "tidal":
            yield line, "layer", f"a public header includes std and include/tidal only, not {name}"
        if path.startswith("examples/") and quoted and folder != "tidal":
            yield line, "layer", f"an example uses the public headers only, not {name}"
        if path.endswith(".h") and path.startswith(("src/", "include/")) and not quoted and not is_test \
                and not SYSTEM_HEADER.fullmatch(name):
            yield line, "third-party header", f"{name}: only a .cc file adapts a library"
    folder = path.split("/")[1] if path.startswith("src/") else ""
    if folder in UNREACHABLE and not is_test:
        for chain in reached(path, text, tree):
            if chain[-1].split("/")[0] in UNREACHABLE[folder]:
                yield 1, "reach", f"{folder}/ reaches {chain[-1]} through {' > '.join(chain[:-1])}"


def reached(path, text, tree):
    """Every chain of quoted includes from the file, one for each header."""
    seen, queue = set(), [[name] for _, name, quoted in includes(text) if quoted]
    while queue:
        chain = queue.pop(0)
        if chain[-1] in seen:
            continue
        seen.add(chain[-1])
        yield chain
        queue += [chain + [name] for _, name, quoted in includes(tree.get("src/" + chain[-1], "")) if quoted]


def check_cpp(path, text, tree, is_test):
    yield from check_layers(path, text, tree, is_test)
    opening = re.match(r"(//[^\n]*\n)+", text)
    if not opening or not re.match(r"// \S", text) or not re.search(r"[.:;]", opening.group()[3:]):
        yield 1, "opening", "open the file with a sentence that says what it is"
    code = blank(text)
    for name, (pattern, holds, exempt, instead) in BANNED.items():
        if re.match(holds, path) and not (exempt and re.search(exempt, path + " test" * is_test)):
            for number, line in enumerate(code.splitlines(), 1):
                if re.search(pattern, line):
                    yield number, name, f"{name} is banned: {instead}"
    for number, line in enumerate(code.splitlines(), 1):
        if VAGUE_TYPE.search(line):
            yield number, "vague name", "name the type after what it holds or does"
    for line, length in functions(code):
        if length > FUNCTION_LINES_MAX:
            yield line, "function size", f"function of {length} lines; stop at {FUNCTION_LINES_MAX}"
    if path.endswith(".h") and path.startswith("src/"):
        owner = "".join(tree.get(f"{parent}/CMakeLists.txt", "") for parent in pathlib.PurePosixPath(path).parents)
        if "tidal_library(" not in owner:
            yield 1, "unowned header", "no CMake target of this folder owns it"


def check(path, text, tree, tests=frozenset()):
    """(line, rule, message) of everything wrong with one file."""
    lines = text.splitlines()
    is_code = path.endswith((".h", ".cc", ".py", ".sh", ".cmake", "CMakeLists.txt"))
    if is_code and len(lines) > FILE_LINES_MAX:
        yield 1, "file size", f"{len(lines)} lines; stop at {FILE_LINES_MAX}"
    if VAGUE.search(pathlib.PurePosixPath(path).name):
        yield 1, "vague name", "name the file after what it holds or does"
    for number, line in enumerate(lines, 1):
        if is_code and len(line) > COLUMNS_MAX:
            yield number, "line length", f"{len(line)} columns; stop at {COLUMNS_MAX}"
        for name, (pattern, instead) in LEFTOVERS.items():
            if re.search(pattern, line):
                yield number, name, f"{re.search(pattern, line).group()!r}: {instead}"
    if path.endswith((".h", ".cc")):
        yield from check_cpp(path, text, tree, path in tests)


def work_tree():
    kinds = {".h", ".cc", ".py", ".sh", ".cmake", ".txt", ".md", ".json", ".tidal", ""}
    skip = re.compile(r"(build|\.git|\.cache|node_modules|fuzz/corpus|test/golden)(/|$)|LICENSE$")
    tree = {}
    for file in sorted(ROOT.rglob("*")):
        path = file.relative_to(ROOT).as_posix()
        if file.suffix in kinds and not skip.match(path) and file.is_file():
            tree[path] = file.read_text(encoding="utf-8", errors="replace")
    return tree


TOP = "// A canary.\n"
# (rule, path, text): each must be caught by exactly that rule.
CANARIES = [
    ("layer", "src/wal/a.h", TOP + '#include "signal/ledger.h"\n'),
    ("layer", "src/index/a.cc", TOP + '#include "entity/entity_store.h"\n'),
    ("layer", "include/tidal/a.h", TOP + '#include "base/clock.h"\n'),
    ("layer", "examples/a.cc", TOP + '#include "db/core.h"\n'),
    ("reach", "src/query/a.cc", TOP + '#include "signal/leaks.h"\n'),
    ("third-party header", "src/storage/a.h", TOP + "#include <rocksdb/db.h>\n"),
    ("opening", "src/wal/a.cc", "#include <vector>\n"),
    ("unowned header", "src/orphan/a.h", TOP),
    ("file size", "tools/a.py", "pass\n" * (FILE_LINES_MAX + 1)),
    ("line length", "src/wal/a.cc", TOP + "// " + "x" * COLUMNS_MAX + "\n"),
    ("function size", "src/wal/a.cc", TOP + "A::A(int b) : c_{b}, d_(b) {\n" + "f();\n" * FUNCTION_LINES_MAX + "}\n"),
    ("vague name", "src/wal/log_utils.cc", TOP),
    ("vague name", "src/wal/a.cc", TOP + "class LogManager {};\n"),
    ("leftover", "docs/a.md", "TO" "DO: write it\n"),
    ("machine path", "docs/a.md", "see /wo" "rk/main\n"),
    ("mention", "docs/a.md", "as spe" "c 03 says\n"),
    ("throw", "src/wal/a.cc", TOP + "void f() { throw 1; }\n"),
    ("mutex", "src/wal/a.cc", TOP + "std::mutex m;\n"),
    ("volatile", "src/wal/a.cc", TOP + "volatile int x;\n"),
    ("sleep", "test/a_test.cc", TOP + "void f() { std::this_thread::sleep_for(d); }\n"),
    ("clock", "src/db/a.cc", TOP + "auto t = std::chrono::system_clock::now();\n"),
    ("random", "src/query/a.cc", TOP + "int x = rand();\n"),
    ("generator", "src/query/a.cc", TOP + "std::mt19937_64 random(seed);\n"),
    ("print", "src/wal/a.cc", TOP + 'void f() { printf("x"); }\n'),
    ("using namespace", "src/wal/a.h", TOP + "using namespace std;\n"),
    ("libm", "src/signal/a.cc", TOP + "double x = std::exp(1.0);\n"),
    ("toolchain", "src/wal/a.cc", TOP + "auto x = std::views::iota(1);\n"),
]
CLEAN = TOP + '#include <unistd.h>\n#include "base/clock.h"\n' \
    'void f() {\n  say("throw", \'"\'); // a volatile thought about rand()\n  int n = 1\'000;\n}\n'


def self_test():
    tree = {f"src/{folder}/CMakeLists.txt": "tidal_library(x)" for folder in LAYERS}
    tree["src/signal/leaks.h"] = TOP + '#include "wal/record.h"\n'
    failed = [f"{rule}: {path} gave {got}" for rule, path, text in CANARIES
              if (got := {name for _, name, _ in check(path, text, tree)}) != {rule}]
    failed += [f"clean text: {found}" for found in check("src/wal/clean.h", CLEAN, tree)]
    silent = set(BANNED) | set(LEFTOVERS)
    failed += [f"{rule} has no canary" for rule in silent - {rule for rule, _, _ in CANARIES}]
    print("\n".join(failed) or f"every rule caught its canary ({len(CANARIES)})")
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    tree = work_tree()
    tests = test_paths(tree)
    findings = [(path, *found) for path, text in tree.items() for found in check(path, text, tree, tests)]
    for path, line, _, message in findings:
        print(f"{path}:{line}: {message}")
    print(f"tidy: {len(tree)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
