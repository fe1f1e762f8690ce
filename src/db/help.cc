// The text of HELP: a line and an example a statement.
#include <algorithm>
#include <array>
#include <cctype>

#include "db/show.h"
#include "schema/validation.h"

namespace tidal::db {
namespace {

struct Topic {
  std::string_view name;
  std::string_view summary;
  std::string_view example;
};

constexpr std::array<Topic, 23> kTopics = {{
    {"RETRIEVE", "ranked items, users or creators, filtered and sorted",
     "RETRIEVE items FOR USER @u1 FILTER unseen, category = \"jazz\" SORT BY hot LIMIT 20;"},
    {"FROM", "where candidates come from: SHOW SOURCES lists the walks over edges and what is liked together",
     "RETRIEVE items FOR USER @u1 FROM following FILTER unseen SORT BY new LIMIT 20;"},
    {"SIMILAR TO", "items like these, by what is liked together and by embedding",
     "RETRIEVE items SIMILAR TO @i1 USING PROFILE related LIMIT 10;"},
    {"FILTER", "conditions: , is AND; OR, NOT, parentheses; = != < <= > >= IN ALL BETWEEN exists(f)",
     "RETRIEVE items FILTER year >= 1990, tags IN (\"live\", \"piano\"), like.count(7d) >= 3 SORT BY new;"},
    {"SORT BY", "a named sort (SHOW SORTS), or an expression with ASC or DESC",
     "RETRIEVE items SORT BY like.count(7d) - dislike.count(7d) DESC LIMIT 10;"},
    {"WINDOW", "the span that trending and its kin look at: 1h, 24h, 7d, 30d or all",
     "RETRIEVE items USING PROFILE trending WINDOW 7d LIMIT 10;"},
    {"WITH", "what each row carries: fields(…), signals(…), explain",
     "RETRIEVE items SORT BY top(week) WITH fields(title), signals(like.count(7d)) LIMIT 10;"},
    {"SIGNAL",
     "tells that something happened: to an item, by a user, now or AT a time; of signals with one KEY, or by the "
     "same user on the same item in the same second AT, the first counts",
     "SIGNAL like ON @i1 BY @u1 KEY \"8f0c\";"},
    {"UNSIGNAL", "takes a signal back: its marks, and what it gave to preference, creator and item; counts stay",
     "UNSIGNAL like ON @i1 BY @u1;"},
    {"RELATE", "writes an edge of a declared relation, and UNRELATE removes it; of one edge the latest AT decides",
     "RELATE @u1 follows @c1;"},
    {"HIDE", "keeps an entity from every answer but GET, for everybody, until UNHIDE",
     "HIDE item @i1 REASON \"spam\";"},
    {"PUT", "creates or replaces an item, user or creator",
     "PUT item @i1 {\"creator\": \"c1\", \"fields\": {\"title\": \"Piano for beginners\", \"tags\": [\"piano\"]}};"},
    {"UPDATE", "changes the named fields; null removes one", "UPDATE item @i1 {\"fields\": {\"title\": \"Piano\"}};"},
    {"DELETE", "removes an entity; what users did to it holds again when it comes back", "DELETE item @i1;"},
    {"GET", "one entity as it stands", "GET item @i1 WITH signals(like.count(all));"},
    {"DEFINE", "declares a field, embedding, signal or relation; the same definition twice changes nothing",
     "DEFINE SIGNAL like ROLE positive DECAY exponential(14d) WINDOWS 1h, 24h, 7d VELOCITY EFFECTS mark liked, mark "
     "seen;"},
    {"EMBEDDING", "a vector of items, users or creators: SIZE numbers; PREFERENCE: the one that likes move users along",
     "DEFINE EMBEDDING item.content SIZE 128 STORAGE f16 PREFERENCE;"},
    {"RELATION", "edges from one kind of entity to another, of which RELATE and UNRELATE tell",
     "DEFINE RELATION follows FROM user TO creator WINDOWS 24h, 7d EFFECTS preference +0.10, creator +0.30;"},
    {"ALTER", "changes settings: SHOW SETTINGS lists them", "ALTER SETTINGS seen_expires:90d;"},
    {"HISTORY", "how often signals came on an item or creator, by hour or by day of all time",
     "HISTORY OF view, like ON @i1 WINDOW 30d BY day;"},
    {"SHOW",
     "SCHEMA, SCHEMA CHANGES, FIELDS, SIGNALS, RELATIONS OF a key, SETTINGS, STATS, SORTS, FILTERS, FEATURES, SOURCES",
     "SHOW SCHEMA;"},
    {"EXPLAIN", "how a query will be answered, with estimates",
     "EXPLAIN RETRIEVE items FILTER category = \"jazz\" SORT BY hot;"},
    {"BEGIN", "a batch until COMMIT (or ROLLBACK): all or nothing, one log frame",
     "BEGIN; PUT item @a {}; SIGNAL view ON @a BY @u1; COMMIT;"},
}};

std::string upper(std::string_view s) {
  std::string out(s);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

}  // namespace

Result<Reply> help(std::optional<std::string_view> topic) {
  RowsReply reply;
  reply.columns = {"statement", "what it does", "example"};
  std::vector<std::string> names;
  for (const Topic& t : kTopics) {
    names.emplace_back(t.name);
    const bool wanted = !topic || t.name == upper(*topic) || t.name.starts_with(upper(*topic) + " ");
    if (!wanted) continue;
    reply.rows.push_back({std::string(t.name), std::string(t.summary), std::string(t.example)});
    reply.text += std::string(t.name) + ": " + std::string(t.summary) + "\n  " + std::string(t.example) + "\n";
  }
  if (reply.rows.empty()) {
    ErrorDetail detail;
    detail.nearest = schema::nearest_name(upper(*topic), names);
    detail.hint = detail.nearest.empty() ? "HELP; lists the topics" : "did you mean HELP " + detail.nearest + "?";
    return Error(Code::NotFound, "no help on '" + std::string(*topic) + "'", std::move(detail));
  }
  return Reply(std::move(reply));
}

}  // namespace tidal::db
