// Maps: what they say, what they refuse, what they make of a row.
#include "cli/import/map.h"

#include <gtest/gtest.h>

#include "cli/import/fake_target.h"

namespace tidal::cli {
namespace {

const Declared& declared() {
  static const Declared kDeclared = read_declared(
      "DEFINE FIELD item.title TEXT;\nDEFINE FIELD item.tags KEYWORD[] INDEXED;\nDEFINE FIELD item.year INT INDEXED;\n"
      "DEFINE FIELD item.aired TIMESTAMP;\nDEFINE FIELD item.length DURATION;\nDEFINE FIELD item.price FLOAT;\n"
      "DEFINE FIELD item.live BOOL;\nDEFINE SIGNAL rating VALUE 0..5;\nDEFINE SIGNAL like;\n");
  return kDeclared;
}

/// What the map makes of one row: the operation's summary, "left out", or the reason.
std::string made(const std::string& text, const std::vector<std::string>& header,
                 const std::vector<std::string_view>& row) {
  Result<Map> map = Map::parse(text);
  if (!map.ok()) return map.error().message;
  if (const Status bound = map->bind(header, declared(), false); !bound.ok()) return bound.error().message;
  const Parsed parsed = map->apply(row, 1);
  if (!parsed.reason.empty()) return parsed.reason;
  return parsed.operation ? summary(std::get<Operation>(parsed.operation->what)) : "left out";
}

Fields fields_of(const std::string& text, const std::vector<std::string>& header,
                 const std::vector<std::string_view>& row) {
  Map map = std::move(Map::parse(text)).value();
  EXPECT_TRUE(map.bind(header, declared(), false).ok());
  const Parsed parsed = map.apply(row, 1);
  EXPECT_TRUE(parsed.reason.empty()) << parsed.reason;
  return std::get<PutOperation>(std::get<Operation>(parsed.operation->what)).entity.fields;
}

TEST(Map, ReadsSignalsByName) {
  EXPECT_EQ(made("signal:kind=rating,user=u,item=i,value=r,at=t:unix", {"u", "i", "r", "t"}, {"7", "m1", "4.5", "100"}),
            "rating m1 7 4.5");
}
TEST(Map, ReadsSignalsByNumber) {
  EXPECT_EQ(made("signal:kind=rating,user=1,item=2,value=3,at=4:unix", {}, {"7", "m1", "4.5", "100"}),
            "rating m1 7 4.5");
}
TEST(Map, TakesTheKindFromAColumn) {
  EXPECT_EQ(made("signal:kind=col(event),item=i", {"i", "event"}, {"m1", "like"}), "like m1 ");
  EXPECT_EQ(made("signal:kind=col(event),item=i", {"i", "event"}, {"m1", "poke"}),
            "there is no signal 'poke', expected one of rating, like");
}
TEST(Map, TakesConstantsInQuotes) {
  Map map = std::move(Map::parse(R"(signal:kind=like,item=i,user="u9",surface="web, new",position=p)")).value();
  ASSERT_TRUE(map.bind({"i", "p"}, declared(), false).ok());
  const Parsed parsed = map.apply({"m1", "3"}, 1);
  const auto& signal = std::get<Signal>(std::get<Operation>(parsed.operation->what));
  EXPECT_EQ(signal.user, "u9");
  EXPECT_EQ(signal.context, R"({"surface":"web, new","position":3})");
}

TEST(Map, ReadsEveryFieldType) {
  const Fields fields = fields_of("item:key=id,title=t,tags=g:split(|),year=y,aired=a:unix_ms,length=l,price=p,live=b",
                                  {"id", "t", "g", "y", "a", "l", "p", "b"},
                                  {"i", "Heat", "a|b||c", "1995", "1500", "90m", "9.5", "yes"});
  EXPECT_EQ(fields.at("title"), Value(std::string("Heat")));
  EXPECT_EQ(fields.at("tags"), Value(std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(fields.at("year"), Value(std::int64_t{1995}));
  EXPECT_EQ(fields.at("aired"), Value(Timestamp{1'500'000}));
  EXPECT_EQ(fields.at("length"), Value(minutes(90)));
  EXPECT_EQ(fields.at("price"), Value(9.5));
  EXPECT_EQ(fields.at("live"), Value(true));
}
TEST(Map, ReadsJsonCellsAndSplitsAtCommas) {
  EXPECT_EQ(fields_of("item:key=1,tags=2:json", {}, {"i", R"(["a","b"])"}).at("tags"),
            Value(std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(fields_of("item:key=1,tags=2:split(,),title=3", {}, {"i", "a,b", "T"}).size(), 2U);
}
TEST(Map, LeavesEmptyCellsUnset) { EXPECT_TRUE(fields_of("item:key=1,title=2,year=3", {}, {"i", "", ""}).empty()); }

struct Case {
  std::string map;
  std::string message;
};

TEST(Map, SaysWhatIsWrongWithIt) {
  const Case kCases[] = {
      {"key=1", "map: expected item:, user:, creator: or signal: in front"},
      {"song:key=1", "map: expected item:, user:, creator: or signal: in front, got 'song:'"},
      {"item:title=1", "map: an entity needs key="},
      {"item:", "map: an entity needs key="},
      {"signal:item=1", "map: a signal needs kind="},
      {"signal:kind=like", "map: a signal needs item="},
      {"item:key", "map: expected name=column, got 'key'"},
      {"item:=1", "map: expected name=column, got '=1'"},
      {"item:key=", "map: 'key=' names no column"},
      {"item:key=1,key=2", "map: 'key' is given twice"},
      {"item:key=1,title=\"x", "map: a quote is never closed: \"x"},
      {"item:key=1,title=2:upper", "map: unknown reader 'upper', expected unix, unix_ms, iso, split(c) or json"},
      {"signal:kind=col(),item=1", "map: col() names no column"},
      {"signal:kind=like,item=1,colour=2",
       "map: signals have no 'colour', expected kind, user, item, value, weight, at, key, surface, position, query_id "
       "or "
       "profile"},
      {"item:key=1,title=name",
       "map: columns by number mean that there is no header line, by name that there is one: use one of both"},
      {"signal:kind=like,item=1,where=2", "where, character 2: expected one of = != < <= > >=, got the end"},
      {"signal:kind=like,item=1,where=2>x", "where, character 3: expected a number or a \"string\", got 'x'"},
      {"signal:kind=like,item=1,where=2>1 3<4", "where, character 5: expected AND, OR or the end, got '3<4'"},
      {"signal:kind=like,item=1,where=(2>1", "where, character 5: expected ')', got the end"},
      {"signal:kind=like,item=1,where=2=\"a", "where, character 3: expected a closing quote, got '\"a'"},
      {"signal:kind=lik,item=1", "map: there is no signal 'lik', expected one of rating, like"},
      {"item:key=1,genre=2",
       "map: items have no field 'genre', expected one of aired, length, live, price, tags, title, year"},
      {"item:key=0", "map: columns are numbered from 1, got '0'"},
  };
  for (const Case& each : kCases) EXPECT_EQ(made(each.map, {}, {"a", "b"}), each.message) << each.map;
  EXPECT_EQ(made("item:key=id", {"ID", "name"}, {"a", "b"}), "map: the header has no column 'id', it has: ID, name");
}

TEST(Map, SaysWhatIsWrongWithARow) {
  const std::vector<std::string> header = {"a", "b"};
  EXPECT_EQ(made("item:key=a", header, {"", "x"}), "key: the key is empty");
  EXPECT_EQ(made("item:key=a,year=b", header, {"i", "MCM"}), "year: expected INT, got 'MCM'");
  EXPECT_EQ(made("item:key=a,year=b", header, {"i", "19.5"}), "year: expected INT, got '19.5'");
  EXPECT_EQ(made("item:key=a,price=b", header, {"i", "nan"}), "price: expected FLOAT, got 'nan'");
  EXPECT_EQ(made("item:key=a,live=b", header, {"i", "maybe"}), "live: expected BOOL (true or false), got 'maybe'");
  EXPECT_EQ(made("item:key=a,title=b:split(|)", header, {"i", "x"}),
            "title: split reads KEYWORD[] only, the field is TEXT");
  EXPECT_EQ(made("item:key=a,tags=b:json", header, {"i", "["}), "tags: not valid JSON");
  EXPECT_EQ(made("signal:kind=like,item=a,at=b:unix", header, {"i", "noon"}), "at: expected unix seconds, got 'noon'");
  EXPECT_EQ(made("signal:kind=like,item=a,at=b:unix", header, {"i", "1699999999999"}),
            "at: expected unix seconds, got a number above 1e11 (milliseconds?)");
  EXPECT_EQ(made("signal:kind=rating,item=a,value=b", header, {"i", "good"}), "value: expected a number, got 'good'");
  EXPECT_EQ(made("signal:kind=like,item=a", header, {"", "x"}), "item: the key is empty");
}

TEST(Where, ComparesNumbersAndStrings) {
  const auto passes = [](const std::string& where, std::string_view cell) {
    return made("signal:kind=like,item=1,where=" + where, {}, {"i", cell}) == "like i ";
  };
  EXPECT_TRUE(passes("2>=4", "4"));
  EXPECT_FALSE(passes("2>=4", "3.5"));
  EXPECT_TRUE(passes("2 >= 4", "10"));
  EXPECT_FALSE(passes("2>=4", "ten"));
  EXPECT_TRUE(passes("2=\"buy\"", "buy"));
  EXPECT_FALSE(passes("2!=\"buy\"", "buy"));
  EXPECT_TRUE(passes("2<3 OR 2>7 AND 2!=9", "8"));
  EXPECT_FALSE(passes("2<3 OR 2>7 AND 2!=9", "9"));
  EXPECT_FALSE(passes("2<3 OR 2>7, 2!=1", "1")) << "the comma binds loosest";
  EXPECT_TRUE(passes("NOT (2<3 or 2>7)", "5"));
  EXPECT_EQ(made("signal:kind=like,item=1,where=2>3", {}, {"i", "1"}), "left out");
  EXPECT_EQ(made("signal:kind=like,item=1,where=9>3", {}, {"i", "1"}), "left out") << "a cell beyond the row is empty";
}

}  // namespace
}  // namespace tidal::cli
