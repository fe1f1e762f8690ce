#!/usr/bin/env python3
"""Holds the program's answers about MovieLens against an independent computation over the same files.

usage: test/movielens_test.py TIDAL [FOLDER with movies.csv and ratings.csv]

For each cut of tools/movielens_oracle.py the files up to it are imported as a user would import them, and every sort,
count, velocity and decayed score is asked for; keys must be equal in order, numbers within 1e-9 relative. Then the
import is run a second time and must change nothing.
"""
import csv, json, math, pathlib, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMA = """BEGIN;
DEFINE FIELD item.title TEXT;
DEFINE FIELD item.year INT INDEXED;
DEFINE FIELD item.genres KEYWORD[] INDEXED;
DEFINE SIGNAL rating ROLE view VALUE 0.5..5 DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY EFFECTS mark seen;
DEFINE SIGNAL like ROLE positive DECAY exponential(30d) WINDOWS 1h, 24h, 7d, 30d VELOCITY EFFECTS mark liked;
DEFINE SIGNAL dislike ROLE negative DECAY none WINDOWS 1h, 24h, 7d, 30d VELOCITY EFFECTS mark disliked;
COMMIT;
"""
checks = 0


def run(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"tidal {' '.join(arguments)}\nexit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def cut_files(data, folder, until):
    """The rows up to a second, and the movies they are about."""
    seen = set()
    with open(data / "ratings.csv", encoding="utf-8", newline="") as source, \
            open(folder / "ratings.csv", "w", encoding="utf-8", newline="") as target:
        rows = csv.DictReader(source)
        out = csv.DictWriter(target, rows.fieldnames)
        out.writeheader()
        for row in rows:
            if int(row["timestamp"]) <= until:
                seen.add(row["movieId"])
                out.writerow(row)
    with open(data / "movies.csv", encoding="utf-8", newline="") as source, \
            open(folder / "movies.csv", "w", encoding="utf-8", newline="") as target:
        rows = csv.DictReader(source)
        out = csv.DictWriter(target, rows.fieldnames)
        out.writeheader()
        out.writerows(row for row in rows if row["movieId"] in seen)


def load(program, folder, database):
    (folder / "schema.tidal").write_text(SCHEMA)
    run(program, "init", database, "--schema", str(folder / "schema.tidal"))
    import_all(program, folder, database)


def import_all(program, folder, database):
    run(program, "import", database, str(folder / "movies.csv"), "--quiet",
        "--map", "item:key=movieId,title=title,year=year,genres=genres:split(|)")
    common = "user=userId,item=movieId,at=timestamp:unix"
    run(program, "import", database, str(folder / "ratings.csv"), "--quiet",
        "--map", f"signal:kind=rating,value=rating,{common}",
        "--map", f"signal:kind=like,{common},where=rating>=4",
        "--map", f"signal:kind=dislike,{common},where=rating<=2")


def compare(what, answered, expected):
    global checks
    checks += 1
    if [key for key, _ in answered] != [key for key, _ in expected]:
        at = next(i for i, (a, e) in enumerate(zip(answered, expected)) if a[0] != e[0])
        sys.exit(f"{what}: rank {at + 1}: got {answered[at]}, expected {expected[at]}")
    for (key, got), (_, want) in zip(answered, expected):
        if not math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-12):
            sys.exit(f"{what}: {key}: got {got!r}, expected {want!r}")


def ask(program, database, statement):
    out = run(program, "exec", database, statement, "--format", "json", "--clock", "events", "--quiet")
    return json.loads(out)


def ranked(reply):
    return [(item["key"], item["score"]) for item in reply["items"]]


def ask_cut(program, database, cut):
    global checks
    stats = {row["what"]: row["value"] for row in ask(program, database, "SHOW STATS")["rows"]}
    for name in ("items", "users"):
        checks += 1
        if stats[name] != cut["counts"][name]:
            sys.exit(f"{name}: got {stats[name]}, expected {cut['counts'][name]}")
    for name, expected in cut["sorts"].items():
        reply = ask(program, database, f"RETRIEVE items SORT BY {name} WITH fields() LIMIT 50")
        answered = ranked(reply)
        if name == "old":  # the score that is shown is the time itself
            expected = [(key, abs(value)) for key, value in expected]
            answered = [(key, abs(value)) for key, value in answered]
        compare(f"SORT BY {name}", answered, expected)
    for name, column in cut["columns"].items():
        reply = ask(program, database, f"RETRIEVE items SORT BY {as_expression(name)} DESC WITH fields() LIMIT 50")
        compare(f"SORT BY {name} DESC", ranked(reply), column["top"])


def as_expression(name):
    return {"rating.sum": "rating.sum(all)", "rating.mean": "rating.mean(all)"}.get(name, name)


def main():
    program = sys.argv[1]
    data = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "build" / "data" / "movielens"
    if not (data / "ratings.csv").exists():
        sys.exit(f"{data} has no MovieLens: run tools/movielens.py")
    oracle = subprocess.run([sys.executable, str(ROOT / "tools" / "movielens_oracle.py"), "--data", str(data)],
                            capture_output=True, text=True, check=True)
    for number, cut in enumerate(json.loads(oracle.stdout)["cuts"]):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            database = str(folder / "movies.db")
            cut_files(data, folder, cut["now"] // 1_000_000)
            load(program, folder, database)
            ask_cut(program, database, cut)
            before = run(program, "digest", database, "--by", "view")
            import_all(program, folder, database)
            if run(program, "digest", database, "--by", "view") != before:
                sys.exit("importing the same files again changed the state")
            print(f"cut {number + 1}: {cut['counts']['ratings']} ratings, every list agrees")
    print(f"{checks} lists and counts agree with the independent computation")


if __name__ == "__main__":
    main()
