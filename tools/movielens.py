#!/usr/bin/env python3
"""Fetches MovieLens for the demo and the tests and writes it as two CSV files.

usage: tools/movielens.py [FOLDER]        default: build/data/movielens
  movies.csv   movieId,title,year,genres            genres separated by |; title and year may be empty
  ratings.csv  userId,movieId,rating,timestamp      rating 0.5 to 5, seconds since 1970, in order of time

Where apt-get exists the data comes from the Debian package r-cran-dslabs (100,004 ratings of 1995 to 2016), unpacked
but not installed; elsewhere from GroupLens' ml-latest-small.zip. The files are a cache: a second run only counts them.
"""
import csv, gzip, io, pathlib, re, shutil, struct, subprocess, sys, tempfile, urllib.request, zipfile, zlib

TERMS = "MovieLens is GroupLens' data (https://grouplens.org/datasets/movielens): research use, with acknowledgement."
ZIP_ADDRESS = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
# (ratings, users, movies) of the two published editions.
DEBIAN_COUNTS, ZIP_COUNTS = (100_004, 671, 9_066), (100_836, 610, 9_742)


class RObject:
    """Reads one value of R's XDR serialization (version 2 or 3): vectors, strings, lists and their attributes."""

    def __init__(self, data):
        self.stream, self.symbols = io.BytesIO(data), []
        if self.stream.read(2) != b"X\n":
            raise ValueError("not an XDR serialization")
        if self.integer() == 3:
            self.stream.seek(14)
            self.stream.read(self.integer())
        else:
            self.stream.seek(14)
        self.value = self.item()

    def integer(self):
        return struct.unpack(">i", self.stream.read(4))[0]

    def array(self, code, size):
        count = self.integer()
        return list(struct.unpack(f">{count}{code}", self.stream.read(count * size)))

    def item(self):
        flags = self.integer()
        kind = flags & 0xFF
        if kind == 254:  # NULL
            return None
        if kind == 255:  # a symbol seen before
            return self.symbols[(flags >> 8) - 1]
        if kind == 1:  # a new symbol
            self.symbols.append(self.item())
            return self.symbols[-1]
        if kind == 9:  # one string; -1 is NA
            length = self.integer()
            return None if length < 0 else self.stream.read(length).decode("utf-8", "replace")
        if kind == 2:  # pairlist: only attributes use it here
            pairs = {}
            while kind == 2:
                name = self.item() if flags & 0x400 else None
                pairs[name] = self.item()
                flags = self.integer()
                kind = flags & 0xFF
            return pairs
        if kind in (10, 13):
            value = self.array("i", 4)
        elif kind == 14:
            value = self.array("d", 8)
        elif kind in (16, 19):
            value = [self.item() for _ in range(self.integer())]
        else:
            raise ValueError(f"R type {kind} is not expected in this file")
        attributes = self.item() if flags & 0x200 else {}
        if "levels" in attributes:
            return [None if i < 1 else attributes["levels"][i - 1] for i in value]
        return dict(zip(attributes["names"], value)) if "names" in attributes else value


def from_debian(work):
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    command = ["apt-get", "-qq", "-o", f"APT::Sandbox::User={user}", "download", "r-cran-dslabs"]
    if subprocess.run(command, cwd=work, stderr=subprocess.DEVNULL).returncode:
        root = [] if user == "root" else ["sudo"]
        subprocess.run([*root, "apt-get", "-qq", "update"], check=False)
        subprocess.run(command, cwd=work, check=True)
    subprocess.run(["dpkg", "-x", str(next(work.glob("*.deb"))), str(work / "x")], check=True)
    base = next(work.glob("x/**/data/Rdata.rdx"))
    offset, length = RObject(gzip.decompress(base.read_bytes())).value["variables"]["movielens"]
    record = base.with_suffix(".rdb").read_bytes()[offset:offset + length]
    frame = RObject(zlib.decompress(record[4:])).value
    missing = -2**31  # NA of an integer
    movies = {m: (m, t or "", "" if y == missing else y, g or "")
              for m, t, y, g in zip(frame["movieId"], frame["title"], frame["year"], frame["genres"])}
    return movies, list(zip(frame["userId"], frame["movieId"], frame["rating"], frame["timestamp"])), DEBIAN_COUNTS


def from_grouplens(work):
    with urllib.request.urlopen(ZIP_ADDRESS, timeout=60) as reply, open(work / "ml.zip", "wb") as out:
        shutil.copyfileobj(reply, out)
    with zipfile.ZipFile(work / "ml.zip") as archive:
        rows = lambda name: csv.DictReader(io.TextIOWrapper(archive.open(f"ml-latest-small/{name}"), "utf-8"))
        movies = {}
        for row in rows("movies.csv"):
            title, year = re.fullmatch(r"(.*?)\s*(?:\((\d{4})\)\s*)?", row["title"]).groups()
            movies[int(row["movieId"])] = (int(row["movieId"]), title, year or "", row["genres"])
        ratings = [(int(r["userId"]), int(r["movieId"]), float(r["rating"]), int(r["timestamp"]))
                   for r in rows("ratings.csv")]
    return movies, ratings, ZIP_COUNTS


def write_csv(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def counts(folder):
    with open(folder / "movies.csv", encoding="utf-8", newline="") as movies:
        movie_count = sum(1 for _ in csv.reader(movies)) - 1
    with open(folder / "ratings.csv", encoding="utf-8", newline="") as ratings:
        users = [row[0] for row in csv.reader(ratings)][1:]
    return len(users), len(set(users)), movie_count


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "build" / "data" / "movielens"
    if (folder / "ratings.csv").exists() and counts(folder) in (DEBIAN_COUNTS, ZIP_COUNTS):
        return
    print(f"Fetching MovieLens into {folder}. {TERMS}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        fetch = from_debian if shutil.which("apt-get") and shutil.which("dpkg") else from_grouplens
        movies, ratings, expected = fetch(pathlib.Path(work))
    ratings.sort(key=lambda r: (r[3], r[0], r[1]))
    write_csv(folder / "movies.csv", ["movieId", "title", "year", "genres"], [movies[m] for m in sorted(movies)])
    # Last, so that its presence means the fetch is whole.
    write_csv(folder / "ratings.part", ["userId", "movieId", "rating", "timestamp"], ratings)
    (folder / "ratings.part").rename(folder / "ratings.csv")
    if counts(folder) != expected:
        (folder / "ratings.csv").unlink()
        sys.exit(f"MovieLens: expected (ratings, users, movies) = {expected}, got {counts(folder)}")


if __name__ == "__main__":
    main()
