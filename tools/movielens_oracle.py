#!/usr/bin/env python3
"""Computes from the MovieLens CSV files, without tidalDB, what tidalDB must answer about them.

usage: tools/movielens_oracle.py [--data FOLDER] [--until SECONDS]... > oracle.json

Each rating is one signal `rating` (role view; its value is the rating); a rating of 4 or more is also a signal `like`
(positive), one of 2 or less a signal `dislike` (negative). An item is created at its first event, `now` is the newest
event of the cut, and a cut holds the events up to its second: by default all of them, and those up to the end of the
busiest day. Windows and formulas are those of docs/signals.md and docs/ranking.md, written here a second time.

Output: {"cuts": [{"now", "events", "counts", "columns": {NAME: {"nonzero", "sum", "top": [[key, value] …50]}},
"sorts": {NAME: [[key, score] …50]}}]}. Lists are by value descending (`old`: ascending), then by key as bytes.
"""
import argparse, collections, csv, json, math, pathlib, sys

HOUR, DAY = 3600, 86400
# window: (span, bucket) in seconds
WINDOWS = {"1h": (HOUR, 60), "24h": (DAY, HOUR), "7d": (7 * DAY, HOUR), "30d": (30 * DAY, DAY)}
TOP = 50
DECAY_HALF_LIFE = {"rating": 7 * DAY, "like": 30 * DAY}
TOP_WINDOWS = {"hour": "1h", "day": "24h", "week": "7d", "month": "30d"}


def load(folder):
    with open(folder / "ratings.csv", encoding="utf-8", newline="") as file:
        rows = [(int(r["timestamp"]), r["userId"], r["movieId"], float(r["rating"])) for r in csv.DictReader(file)]
    with open(folder / "movies.csv", encoding="utf-8", newline="") as file:
        return [row["movieId"] for row in csv.DictReader(file)], rows


def signals_of(rating):
    yield "rating"
    if rating >= 4:
        yield "like"
    if rating <= 2:
        yield "dislike"


class Cut:
    """The state of the world after the events up to one moment: plain lists of times, read by brute force."""

    def __init__(self, items, rows, until):
        self.items, self.rows = items, [row for row in rows if row[0] <= until]
        self.now = max(at for at, *_ in self.rows)
        self.times = {name: collections.defaultdict(list) for name in ("rating", "like", "dislike")}
        self.created, self.value_sum = {}, collections.Counter()
        for at, _, movie, rating in self.rows:
            for signal in signals_of(rating):
                self.times[signal][movie].append(at)
            self.created[movie] = min(at, self.created.get(movie, at))
            self.value_sum[movie] += rating

    def count(self, signal, item, window="all", back=0):
        """Events of the window's n buckets that end with now's bucket; `back` whole windows earlier."""
        if window == "all":
            return len(self.times[signal].get(item, ()))
        span, bucket = WINDOWS[window]
        buckets = span // bucket
        last = self.now // bucket - back * buckets
        return sum(1 for at in self.times[signal].get(item, ()) if last - buckets < at // bucket <= last)

    def velocity(self, signal, item, window, back=0):
        return self.count(signal, item, window, back) / WINDOWS[window][0]

    def decayed(self, signal, item):
        rate = math.log(2) / DECAY_HALF_LIFE[signal]
        return math.fsum(math.exp(-rate * (self.now - at)) for at in self.times[signal].get(item, ()))

    def age(self, item):
        return self.now - self.created[item]

    def up_down(self, item):
        # A user rates a movie once, so the net of a signal is the count of its events.
        return self.count("like", item), self.count("dislike", item)

    def quality(self, item):
        up, down = self.up_down(item)
        return wilson(up, up + down)

    # The built-in sorts.

    def hot(self, item):
        net = self.up_down(item)[0] - self.up_down(item)[1]
        return sign(net) * math.log10(max(abs(net), 1)) / (self.age(item) / HOUR + 2) ** 1.8

    def reddit_hot(self, item):
        net = self.up_down(item)[0] - self.up_down(item)[1]
        return round(sign(net) * math.log10(max(abs(net), 1)) + (self.created[item] - 1134028003) / 45000, 7)

    def trending(self, item):
        return 0.3 * self.velocity("rating", item, "24h")  # no signal has the role share: its term is left out

    def rising(self, item):
        gain = self.velocity("rating", item, "1h") - self.velocity("rating", item, "1h", back=1)
        score = gain / (self.velocity("rating", item, "7d") + 1 / DAY)
        return score * 1.5 if self.age(item) < DAY else score

    def top(self, item, window):
        return self.count("like", item, window) - self.count("dislike", item, window)

    def controversial(self, item):
        up, down = self.up_down(item)
        return up * down / (up + down) ** 2 if up + down else 0.0

    def hidden_gems(self, item):
        return self.quality(item) / math.log10(self.count("rating", item) + 10)


def sign(x):
    return (x > 0) - (x < 0)


def wilson(positive, total, z=1.96):
    """Lower bound of the Wilson score interval."""
    if total == 0:
        return 0.0
    share = positive / total
    middle = share + z * z / (2 * total)
    margin = z * math.sqrt((share * (1 - share) + z * z / (4 * total)) / total)
    return (middle - margin) / (1 + z * z / total)


def best(values):
    return [[key, value] for key, value in sorted(values.items(), key=lambda kv: (-kv[1], kv[0].encode()))[:TOP]]


def answers(cut):
    live = sorted(cut.created)  # an item without an event has no age yet

    def each(function):
        return {item: function(item) for item in live}

    columns = {}
    for signal in cut.times:
        for window in (*WINDOWS, "all"):
            columns[f"{signal}.count({window})"] = each(lambda item: cut.count(signal, item, window))
        for window in WINDOWS:
            columns[f"{signal}.velocity({window})"] = each(lambda item: cut.velocity(signal, item, window))
            columns[f"{signal}.acceleration({window})"] = each(
                lambda item: cut.velocity(signal, item, window) - cut.velocity(signal, item, window, back=1))
    for signal in DECAY_HALF_LIFE:
        columns[f"{signal}.decay_score"] = each(lambda item: cut.decayed(signal, item))
    columns["rating.sum"] = each(lambda item: cut.value_sum[item])
    columns["rating.mean"] = each(lambda item: cut.value_sum[item] / cut.count("rating", item))

    sorts = {f"top({name})": each(lambda item: cut.top(item, window))
             for name, window in (*TOP_WINDOWS.items(), ("all", "all"))}
    for name in ("hot", "reddit_hot", "trending", "rising", "controversial", "hidden_gems"):
        sorts[name] = each(getattr(cut, name))
    sorts["new"] = each(lambda item: cut.created[item])  # the score is seconds since 1970
    oldest = [[item, -score] for item, score in best(each(lambda item: -cut.created[item]))]  # the one ascending sort
    sorts["most_viewed"] = each(lambda item: cut.count("rating", item))
    sorts["most_liked"] = each(lambda item: cut.count("like", item))
    return {
        "now": cut.now * 1_000_000,
        "events": {signal: sum(map(len, times.values())) for signal, times in cut.times.items()},
        "counts": {"items": len(live), "users": len({user for _, user, *_ in cut.rows}), "ratings": len(cut.rows)},
        "columns": {name: {"nonzero": sum(1 for v in values.values() if v), "sum": math.fsum(values.values()),
                           "top": best(values)} for name, values in columns.items()},
        "sorts": {name: best(values) for name, values in sorts.items()} | {"old": oldest},
    }


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, default=root / "build" / "data" / "movielens")
    parser.add_argument("--until", type=int, action="append")
    options = parser.parse_args()
    items, rows = load(options.data)
    busiest = collections.Counter(row[0] // DAY for row in rows).most_common(1)[0][0]
    cuts = options.until or [max(row[0] for row in rows), (busiest + 1) * DAY - 1]
    json.dump({"cuts": [answers(Cut(items, rows, until)) for until in cuts]}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
