// Guessing by the look of cells first and by the names of columns second.
#include "cli/import/guess.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/time_text.h"
#include "cli/import/cell_value.h"
#include "cli/import/csv.h"

namespace tidal::cli {
namespace {

constexpr std::size_t kSampleRows = 200;
constexpr std::size_t kShownRows = 5;
constexpr double kSecondsFrom = 5e8;  // 1985 to 2128: numbers outside are counts, not times
constexpr double kSecondsTo = 5e9;

bool within(double value, double low, double high) { return value >= low && value <= high; }

ColumnType type_of(std::string_view cell) {
  if (cell.empty()) return ColumnType::Empty;
  if (const std::optional<std::int64_t> integer = parse_integer(cell)) {
    const auto value = static_cast<double>(*integer);
    if (within(value, kSecondsFrom, kSecondsTo)) return ColumnType::UnixSeconds;
    if (within(value, kSecondsFrom * 1e3, kSecondsTo * 1e3)) return ColumnType::UnixMillis;
    return ColumnType::Integer;
  }
  if (parse_number(cell)) return ColumnType::Number;
  if (cell.size() >= 10 && base::parse_time(cell).ok()) return ColumnType::IsoTime;
  return cell.find('|') != std::string_view::npos ? ColumnType::List : ColumnType::Text;
}

/// The narrowest type that holds both.
ColumnType join(ColumnType a, ColumnType b) {
  if (a == ColumnType::Empty || a == b) return b;
  if (b == ColumnType::Empty) return a;
  const auto numeric = [](ColumnType t) { return t == ColumnType::Integer || t == ColumnType::Number; };
  const auto counting = [&](ColumnType t) {
    return numeric(t) || t == ColumnType::UnixSeconds || t == ColumnType::UnixMillis;
  };
  if (counting(a) && counting(b)) {
    return a == ColumnType::Number || b == ColumnType::Number ? ColumnType::Number : ColumnType::Integer;
  }
  const bool lists =
      (a == ColumnType::List && b == ColumnType::Text) || (a == ColumnType::Text && b == ColumnType::List);
  return lists ? ColumnType::List : ColumnType::Text;
}

/// Lower case, letters and digits only: "User_ID" → "userid".
std::string plain(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') out.push_back(static_cast<char>(c - 'A' + 'a'));
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out.push_back(c);
  }
  return out;
}

template <std::size_t n>
std::optional<std::size_t> find_named(const std::vector<std::string>& columns,
                                      const std::array<std::string_view, n>& names) {
  for (const std::string_view name : names) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (plain(columns[i]) == name) return i;
    }
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 9> kUserNames = {"userid",   "user",      "uid",     "customerid", "customer",
                                                        "memberid", "accountid", "visitor", "visitorid"};
constexpr std::array<std::string_view, 20> kItemNames = {
    "itemid", "item", "movieid", "movie",   "videoid",  "video",  "productid", "product", "articleid", "article",
    "postid", "post", "songid",  "trackid", "artistid", "bookid", "asin",      "sku",     "docid",     "contentid"};
constexpr std::array<std::string_view, 4> kPlainKeyNames = {"key", "id", "slug", "url"};
constexpr std::array<std::string_view, 8> kKindNames = {"kind",      "event", "eventtype", "action",
                                                        "eventname", "type",  "behavior",  "signal"};
constexpr std::array<std::string_view, 5> kValueNames = {"rating", "score", "stars", "value", "weight"};
constexpr std::array<std::string_view, 10> kTimeNames = {"timestamp", "time",     "at",   "ts",        "datetime",
                                                         "eventtime", "unixtime", "date", "createdat", "created"};
constexpr std::array<std::string_view, 6> kCreatorNames = {"creator",  "creatorid", "author",
                                                           "authorid", "channel",   "seller"};

/// The reader a time column needs, with its colon; nothing when the column holds no times.
std::optional<std::string> time_reader(ColumnType type) {
  switch (type) {
    case ColumnType::UnixSeconds: return ":unix";
    case ColumnType::UnixMillis: return ":unix_ms";
    case ColumnType::IsoTime: return ":iso";
    default: return std::nullopt;
  }
}

/// The first row names columns when none of its cells looks like data and the cells below do not repeat it.
bool is_header(const std::vector<std::vector<std::string>>& rows) {
  const std::vector<std::string>& first = rows.front();
  std::set<std::string> distinct(first.begin(), first.end());
  if (distinct.size() != first.size()) return false;
  const bool names = std::all_of(first.begin(), first.end(), [](const std::string& cell) {
    const ColumnType type = type_of(cell);
    return type == ColumnType::Text && cell.size() <= 64;
  });
  if (!names) return false;
  if (rows.size() < 2) return true;
  bool known = find_named(first, kUserNames) || find_named(first, kItemNames) || find_named(first, kPlainKeyNames);
  for (std::size_t i = 0; i < first.size() && !known; ++i) {
    known = i < rows[1].size() && type_of(rows[1][i]) != ColumnType::Text && type_of(rows[1][i]) != ColumnType::Empty;
  }
  return known;
}

std::string_view field_type_for(ColumnType type) {
  switch (type) {
    case ColumnType::Integer: return "INT INDEXED";
    case ColumnType::Number: return "FLOAT INDEXED";
    case ColumnType::UnixSeconds:
    case ColumnType::UnixMillis:
    case ColumnType::IsoTime: return "TIMESTAMP INDEXED";
    case ColumnType::List: return "KEYWORD[] INDEXED";
    case ColumnType::Text:
    case ColumnType::Empty: return "TEXT";
  }
  return "TEXT";
}

class Guesser {
 public:
  Guesser(Guess& guess, const Declared& declared) : guess_(guess), declared_(declared) {}

  void run() {
    const auto user = find_named(guess_.columns, kUserNames);
    const auto item = find_named(guess_.columns, kItemNames);
    if (!guess_.has_header) {
      guess_without_names();
    } else if (item && (user || find_named(guess_.columns, kKindNames))) {
      guess_.map = signal_map(*item, user);
    } else if (item || find_named(guess_.columns, kPlainKeyNames)) {
      guess_.map = entity_map(EntityKind::Item, item ? *item : *find_named(guess_.columns, kPlainKeyNames));
    } else if (user) {
      guess_.map = entity_map(EntityKind::User, *user);
    }
    if (guess_.map.empty()) guess_.notes.push_back("no column looks like the key of an item or a user");
  }

 private:
  const std::string& name(std::size_t column) const { return guess_.columns[column]; }

  std::optional<std::size_t> time_column() const {
    const auto named = find_named(guess_.columns, kTimeNames);
    if (named && time_reader(guess_.types[*named])) return named;
    for (std::size_t i = 0; i < guess_.types.size(); ++i) {
      if (time_reader(guess_.types[i])) return i;
    }
    return std::nullopt;
  }

  /// The signal a table without a column of kinds stands for.
  std::string constant_kind(bool rated) {
    for (const std::string_view wanted : {"rating", "view"}) {
      if ((rated || wanted == "view") && declared_.has_signal(wanted)) return std::string(wanted);
    }
    const std::string wanted = rated ? "rating" : "view";
    guess_.notes.push_back("the schema has no signal '" + wanted + "': DEFINE SIGNAL " + wanted +
                           (rated ? " ROLE view VALUE 0.. DECAY exponential(90d) WINDOWS 24h, 7d, 30d VELOCITY;"
                                  : " DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY EFFECTS mark seen;"));
    return wanted;
  }

  std::string signal_map(std::size_t item, std::optional<std::size_t> user) {
    const auto kind = find_named(guess_.columns, kKindNames);
    const auto value = find_named(guess_.columns, kValueNames);
    std::string map = "signal:kind=";
    map += kind ? "col(" + name(*kind) + ")" : constant_kind(value.has_value());
    if (user) map += ",user=" + name(*user);
    map += ",item=" + name(item);
    const bool takes_value = value && (kind || map.find("kind=rating") != std::string::npos);
    if (takes_value) map += ",value=" + name(*value);
    add_time(map);
    return map;
  }

  void add_time(std::string& map) {
    if (const auto time = time_column()) {
      map += ",at=" + name(*time) + *time_reader(guess_.types[*time]);
    } else {
      guess_.notes.push_back("no column looks like a time: the events would get the clock's");
    }
  }

  std::string entity_map(EntityKind kind, std::size_t key) {
    std::string map = std::string(kind_name(kind)) + ":key=" + name(key);
    const auto creator = kind == EntityKind::Item ? find_named(guess_.columns, kCreatorNames) : std::nullopt;
    for (std::size_t i = 0; i < guess_.columns.size(); ++i) {
      if (i == key) continue;
      if (creator && i == *creator) {
        map += ",creator=" + name(i);
        continue;
      }
      add_field(kind, i, map);
    }
    return map;
  }

  void add_field(EntityKind kind, std::size_t column, std::string& map) {
    for (const std::string& field : declared_.field_names(kind)) {
      if (plain(field) != plain(name(column))) continue;
      map += "," + field + "=" + name(column);
      const FieldType type = *declared_.field(kind, field);
      if (type == FieldType::KeywordList && guess_.types[column] == ColumnType::List) map += ":split(|)";
      const auto reader = time_reader(guess_.types[column]);
      if (type == FieldType::Timestamp && reader) map += *reader;
      return;
    }
    guess_.notes.push_back("column '" + name(column) + "' is left out; to keep it: DEFINE FIELD " +
                           std::string(kind_name(kind)) + "." + name(column) + " " +
                           std::string(field_type_for(guess_.types[column])) + ";");
  }

  /// Four numbers of which the last is a time: user, item, rating, time, as rating files have been written for decades.
  void guess_without_names() {
    const std::vector<ColumnType>& types = guess_.types;
    const bool timed = types.size() >= 3 && time_reader(types.back()).has_value();
    const auto plain_number = [](ColumnType t) { return t == ColumnType::Integer || t == ColumnType::Number; };
    if (!timed || types.size() > 4) return;
    if (types.size() == 4 && !plain_number(types[2])) return;
    guess_.map = "signal:kind=" + constant_kind(types.size() == 4) + ",user=1,item=2";
    if (types.size() == 4 && guess_.map.find("kind=rating") != std::string::npos) guess_.map += ",value=3";
    guess_.map += ",at=" + std::to_string(types.size()) + *time_reader(types.back());
  }

  Guess& guess_;
  const Declared& declared_;
};

}  // namespace

std::string_view column_type_text(ColumnType type) {
  switch (type) {
    case ColumnType::Empty: return "empty";
    case ColumnType::Integer: return "integer";
    case ColumnType::Number: return "number";
    case ColumnType::UnixSeconds: return "unix seconds";
    case ColumnType::UnixMillis: return "unix milliseconds";
    case ColumnType::IsoTime: return "time";
    case ColumnType::List: return "list split by |";
    case ColumnType::Text: return "text";
  }
  return "";
}

Guess guess_table(std::string_view head, const Declared& declared) {
  Guess guess;
  guess.separator = sniff_separator(head);
  std::vector<std::vector<std::string>> rows = first_records(head, guess.separator, kSampleRows);
  if (rows.empty()) {
    guess.notes.push_back("the file has no rows");
    return guess;
  }
  guess.has_header = is_header(rows);
  if (guess.has_header) {
    guess.columns = rows.front();
    rows.erase(rows.begin());
  } else {
    for (std::size_t i = 1; i <= rows.front().size(); ++i) guess.columns.push_back(std::to_string(i));
  }
  guess.types.assign(guess.columns.size(), ColumnType::Empty);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < std::min(row.size(), guess.types.size()); ++i) {
      guess.types[i] = join(guess.types[i], type_of(row[i]));
    }
  }
  rows.resize(std::min(rows.size(), kShownRows));
  guess.rows = std::move(rows);
  Guesser(guess, declared).run();
  return guess;
}

}  // namespace tidal::cli
