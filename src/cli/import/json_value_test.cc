// Every way in which an import line can be wrong, with its exact reason; and the right ones.
#include "cli/import/json_value.h"

#include <gtest/gtest.h>

#include "cli/import/fake_target.h"

namespace tidal::cli {
namespace {

Declared declared() {
  return read_declared(
      "DEFINE FIELD item.title TEXT;\nDEFINE FIELD item.tags KEYWORD[] INDEXED;\nDEFINE FIELD item.year INT INDEXED;\n"
      "DEFINE FIELD item.price FLOAT;\nDEFINE FIELD item.live BOOL;\nDEFINE FIELD item.aired TIMESTAMP INDEXED;\n"
      "DEFINE FIELD item.length DURATION;\nDEFINE FIELD item.category KEYWORD INDEXED;\n"
      "DEFINE FIELD user.country KEYWORD;\nDEFINE SIGNAL view VALUE 0..;\nDEFINE SIGNAL like ROLE positive;\n");
}

Parsed parse(std::string line, bool created_at_now = false) {
  static const Declared kDeclared = declared();
  JsonLineParser parser(kDeclared, created_at_now);
  const std::size_t size = line.size();
  line.append(kLinePadding, '\0');
  return parser.parse(std::string_view(line).substr(0, size), 7);
}

struct Bad {
  std::string line;
  std::string reason;
};

const std::string kLongKey(129, 'k');

/// Lines that are no operation at all.
const Bad kMalformed[] = {
    {"nonsense", "not valid JSON"},
    {"{", "not valid JSON"},
    {"{\"op\":\"item\",}", "not valid JSON"},
    {"{\"op\":\"item\" \"key\":\"i\"}", "not valid JSON"},
    {"{\"op\":\"item\",\"key\":\"i\"} trailing", "not valid JSON"},
    {"{\"op\":'item'}", "not valid JSON"},
    {"{\"op\":\"item\",\"key\":\"a\nb\"}", "not valid JSON"},
    {"{\"op\":\"item\",\"key\":\"\xff\"}", "not valid UTF-8"},
    {"[]", "expected a JSON object, got an array"},
    {"3", "expected a JSON object, got a number"},
    {"\"item\"", "expected a JSON object, got a string"},
    {"null", "expected a JSON object, got null"},
    {"true", "expected a JSON object, got a bool"},
    {"{}", "op: missing"},
    {"{\"key\":\"i1\"}", "op: missing"},
    {"{\"op\":3}", "op: expected a string, got a number"},
    {"{\"op\":null}", "op: expected a string, got null"},
    {"{\"op\":\"\"}",
     "op: expected item, user, creator, update, delete, signal, unsignal, relate, unrelate, hide, unhide, schema or "
     "export, got ''"},
    {"{\"op\":\"Item\"}",
     "op: expected item, user, creator, update, delete, signal, unsignal, relate, unrelate, hide, unhide, schema or "
     "export, got 'Item'"},
    {"{\"op\":\"put\"}",
     "op: expected item, user, creator, update, delete, signal, unsignal, relate, unrelate, hide, unhide, schema or "
     "export, got 'put'"},
    {"{\"op\":\"relate\",\"from\":\"u\",\"to\":\"c\"}", "relation: missing"},
    {"{\"op\":\"relate\",\"relation\":\"follows\",\"from\":\"u\"}", "to: missing"},
    {"{\"op\":\"relate\",\"relation\":\"follows\",\"from\":\"u\",\"to\":\"c\",\"weight\":\"1\"}",
     "weight: expected a number, got a string"},
    {"{\"op\":\"unrelate\",\"relation\":\"follows\",\"from\":\"u\",\"to\":\"c\",\"weight\":1}",
     "unknown member 'weight' of op unrelate, expected relation, from, to, at"},
    {"{\"op\":\"unsignal\",\"kind\":\"like\",\"item\":\"i\"}", "user: missing"},
    {"{\"op\":\"hide\",\"kind\":\"thing\",\"key\":\"i\"}", "kind: expected item, user or creator, got 'thing'"},
    {"{\"op\":\"unhide\",\"kind\":\"item\",\"key\":\"i\",\"reason\":\"r\"}",
     "unknown member 'reason' of op unhide, expected kind, key, at"},
    {"{\"op\":\"item\"}", "key: missing"},
    {"{\"op\":\"user\"}", "key: missing"},
    {"{\"op\":\"item\",\"key\":1}", "key: expected a string, got a number"},
    {"{\"op\":\"item\",\"key\":null}", "key: expected a string, got null"},
    {"{\"op\":\"item\",\"key\":[]}", "key: expected a string, got an array"},
    {"{\"op\":\"item\",\"key\":\"\"}", "key: the key is empty"},
    {"{\"op\":\"item\",\"key\":\"" + kLongKey + "\"}", "key: the key has 129 bytes, at most 128 are allowed"},
    {"{\"op\":\"item\",\"key\":\"a\\u0001\"}", "key: the key holds a control character"},
    {"{\"op\":\"item\",\"key\":\"i\",\"creator\":7}", "creator: expected a string, got a number"},
    {"{\"op\":\"item\",\"key\":\"i\",\"creator\":\"\"}", "creator: the key is empty"},
    {"{\"op\":\"user\",\"key\":\"u\",\"creator\":\"c\"}",
     "unknown member 'creator' of op user, expected key, created_at, at, fields or embedding"},
    {"{\"op\":\"item\",\"key\":\"i\",\"title\":\"x\"}",
     "unknown member 'title' of op item, expected key, creator, created_at, at, fields or embedding"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":[]}", "fields: expected an object, got an array"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":\"x\"}", "fields: expected an object, got a string"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":null}", "fields: expected an object, got null"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"title\":\"a\",\"title\":\"b\"}}", "fields.title: given twice"},
    {"{\"op\":\"item\",\"key\":\"i\",\"embedding\":{\"content\":\"1\"}}",
     "embedding.content: expected an array of numbers, got a string"},
    {"{\"op\":\"item\",\"key\":\"i\",\"created_at\":true}", "created_at: expected a time, got a bool"},
    {"{\"op\":\"item\",\"key\":\"i\",\"created_at\":1699999999999}",
     "created_at: expected unix seconds, got a number above 1e11 (milliseconds?)"},
    {"{\"op\":\"update\",\"key\":\"i\"}", "kind: missing"},
    {"{\"op\":\"update\",\"kind\":1,\"key\":\"i\"}", "kind: expected a string, got a number"},
    {"{\"op\":\"update\",\"kind\":\"items\",\"key\":\"i\"}", "kind: expected item, user or creator, got 'items'"},
    {"{\"op\":\"update\",\"kind\":\"item\"}", "key: missing"},
    {"{\"op\":\"update\",\"kind\":\"item\",\"key\":\"i\",\"x\":1}",
     "unknown member 'x' of op update, expected key, creator, created_at, at, fields or embedding"},
    {"{\"op\":\"delete\",\"key\":\"i\"}", "kind: missing"},
    {"{\"op\":\"delete\",\"kind\":\"item\"}", "key: missing"},
    {"{\"op\":\"delete\",\"kind\":\"song\",\"key\":\"i\"}", "kind: expected item, user or creator, got 'song'"},
    {"{\"op\":\"delete\",\"kind\":2,\"key\":\"i\"}", "kind: expected a string, got a number"},
    {"{\"op\":\"delete\",\"kind\":\"item\",\"key\":\"i\",\"fields\":{}}",
     "unknown member 'fields' of op delete, expected kind or key"},
    {"{\"op\":\"signal\"}", "kind: missing"},
    {"{\"op\":\"signal\",\"kind\":\"like\"}", "item: missing"},
    {"{\"op\":\"signal\",\"item\":\"i\"}", "kind: missing"},
    {"{\"op\":\"signal\",\"kind\":5,\"item\":\"i\"}", "kind: expected a string, got a number"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":9}", "item: expected a string, got a number"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":\"\"}", "item: the key is empty"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":\"i\",\"creator\":\"c\"}", "the target is given twice"},
    {"{\"op\":\"item\",\"key\":\"i\",\"key\":\"j\"}", "key: given twice"},
    {"{\"op\":\"item\",\"key\":\"i\",\"op\":\"user\"}", "op: given twice"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":\"i\",\"at\":1,\"\\u0061t\":2}", "at: given twice"},
    {"{\"op\":\"update\",\"kind\":\"item\",\"key\":\"i\",\"fields\":{},\"fields\":{}}", "fields: given twice"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":\"i\",\"user\":4}", "user: expected a string, got a number"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":\"i\",\"value\":\"1\"}", "value: expected a number, got a string"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":\"i\",\"weight\":[]}", "weight: expected a number, got an array"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":\"i\",\"at\":{}}", "at: expected a time, got an object"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":\"i\",\"at\":1699999999999}",
     "at: expected unix seconds, got a number above 1e11 (milliseconds?)"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":\"i\",\"key\":1}", "key: expected a string, got a number"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":\"i\",\"context\":\"home\"}",
     "context: expected an object, got a string"},
    {"{\"op\":\"signal\",\"kind\":\"like\",\"item\":\"i\",\"when\":1}",
     "unknown member 'when' of op signal, expected kind, item, user, at, value, weight, key or context"},
};

/// Lines that the schema refuses: they keep their place in the order.
const Bad kRefused[] = {
    {"{\"op\":\"signal\",\"kind\":\"lik\",\"item\":\"i\"}", "there is no signal 'lik', expected one of view, like"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"titel\":\"x\"}}",
     "items have no field 'titel', expected one of aired, category, length, live, price, tags, title, year"},
    {"{\"op\":\"creator\",\"key\":\"c\",\"fields\":{\"name\":\"x\"}}",
     "creators have no field 'name' (none is declared)"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"title\":3}}", "fields.title: expected TEXT, got a number"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"title\":{\"en\":\"x\"}}}",
     "fields.title: expected TEXT, got an object"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"tags\":\"x\"}}", "fields.tags: expected KEYWORD[], got a string"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"tags\":[1]}}",
     "fields.tags: expected strings in KEYWORD[], got a number"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"year\":\"1999\"}}", "fields.year: expected INT, got a string"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"year\":1.5}}",
     "fields.year: expected INT (a whole number), got a number"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"price\":\"9\"}}", "fields.price: expected FLOAT, got a string"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"live\":1}}", "fields.live: expected BOOL, got a number"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"aired\":[]}}", "fields.aired: expected TIMESTAMP, got an array"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"length\":60}}", "fields.length: expected DURATION, got a number"},
    {"{\"op\":\"item\",\"key\":\"i\",\"fields\":{\"category\":[\"a\"]}}",
     "fields.category: expected KEYWORD, got an array"},
};

TEST(ImportLine, GivesTheReasonForEachMalformedLine) {
  EXPECT_GE(std::size(kMalformed), 60U);
  for (const Bad& bad : kMalformed) {
    const Parsed parsed = parse(bad.line);
    EXPECT_EQ(parsed.reason, bad.reason) << bad.line;
    EXPECT_FALSE(parsed.operation.has_value()) << bad.line;
  }
}

TEST(ImportLine, KeepsThePlaceOfLinesThatTheSchemaRefuses) {
  for (const Bad& bad : kRefused) {
    const Parsed parsed = parse(bad.line);
    EXPECT_EQ(parsed.reason, bad.reason) << bad.line;
    ASSERT_TRUE(parsed.operation.has_value()) << bad.line;
    EXPECT_TRUE(std::holds_alternative<Refused>(parsed.operation->what)) << bad.line;
  }
}

TEST(ImportLine, JudgesTheFormBeforeTheSchemaWhateverTheOrderOfMembers) {
  const Parsed parsed = parse(R"({"op":"item","fields":{"titel":"x"},"key":""})");
  EXPECT_EQ(parsed.reason, "key: the key is empty");
  EXPECT_FALSE(parsed.operation.has_value());
}

TEST(ImportLine, ReadsEveryTypeOfField) {
  const Parsed parsed =
      parse(R"({"op":"item","key":"i1","creator":"c1","created_at":"2026-11-20T09:00Z",)"
            R"("fields":{"title":"Piano","tags":["a","b"],)"
            R"("year":1999,"price":3,"live":true,"aired":1763629200,"length":"12m","category":null}})");
  ASSERT_TRUE(parsed.reason.empty()) << parsed.reason;
  const auto& put = std::get<PutOperation>(std::get<Operation>(parsed.operation->what));
  EXPECT_EQ(put.key, "i1");
  EXPECT_EQ(put.entity.creator, "c1");
  EXPECT_EQ(to_string(*put.entity.created_at), "2026-11-20T09:00:00Z");
  EXPECT_FALSE(put.entity.created_at_open);
  EXPECT_EQ(put.entity.fields.at("title"), Value(std::string("Piano")));
  EXPECT_EQ(put.entity.fields.at("tags"), Value(std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(put.entity.fields.at("year"), Value(std::int64_t{1999}));
  EXPECT_EQ(put.entity.fields.at("price"), Value(3.0));
  EXPECT_EQ(put.entity.fields.at("live"), Value(true));
  EXPECT_EQ(put.entity.fields.at("aired"), Value(Timestamp{1'763'629'200'000'000}));
  EXPECT_EQ(put.entity.fields.at("length"), Value(minutes(12)));
  EXPECT_EQ(put.entity.fields.at("category"), Value());
  EXPECT_EQ(parsed.operation->order, kEntitiesFirst);
}

TEST(ImportLine, LeavesCreatedAtOpenUnlessToldOtherwise) {
  const auto open = [](bool now) {
    return std::get<PutOperation>(std::get<Operation>(parse(R"({"op":"item","key":"i"})", now).operation->what))
        .entity.created_at_open;
  };
  EXPECT_TRUE(open(false));
  EXPECT_FALSE(open(true));
}

TEST(ImportLine, ReadsASignal) {
  const Parsed parsed = parse(
      R"({"op":"signal","kind":"view","user":"u1","item":"i1","at":"2026-11-22T12:00:00.5Z","value":2,"weight":0.5,)"
      R"("key":"e-1","context":{"surface":"home", "position":3}})");
  ASSERT_TRUE(parsed.reason.empty()) << parsed.reason;
  const auto& signal = std::get<Signal>(std::get<Operation>(parsed.operation->what));
  EXPECT_EQ(signal.kind, "view");
  EXPECT_EQ(signal.user, "u1");
  EXPECT_EQ(signal.item, "i1");
  EXPECT_EQ(signal.value, 2.0);
  EXPECT_EQ(signal.weight, 0.5);
  EXPECT_EQ(signal.idempotency_key, "e-1");
  EXPECT_EQ(signal.context, R"({"surface":"home","position":3})");
  EXPECT_EQ(parsed.operation->order, signal.at->us);
  EXPECT_EQ(parsed.operation->line, 7U);
}

TEST(ImportLine, PutsASignalWithoutATimeBehindAllOthers) {
  EXPECT_EQ(parse(R"({"op":"signal","kind":"like","item":"i"})").operation->order, kTimeless);
}

TEST(ImportLine, ReadsUpdateAndDelete) {
  const auto summary_of = [](const std::string& line) {
    const Parsed parsed = parse(line);
    return parsed.operation ? summary(std::get<Operation>(parsed.operation->what)) : parsed.reason;
  };
  EXPECT_EQ(summary_of(R"({"op":"update","kind":"user","key":"u1","fields":{"country":null}})"), "update user u1");
  EXPECT_EQ(summary_of(R"({"op":"delete","kind":"creator","key":"c1"})"), "delete creator c1");
}

TEST(ImportLine, SurvivesTheSpillCoding) {
  for (const std::string line :
       {R"({"op":"item","key":"i","creator":"c","created_at":1,"at":2.5,)"
        R"("fields":{"tags":["a",""],"year":-3,"price":0.1,"live":false,"aired":5,"length":"2d"}})",
        R"({"op":"signal","kind":"view","user":"u","item":"i","at":12.5,"value":-1,"weight":0,"key":"k","context":{}})",
        R"({"op":"delete","kind":"user","key":"u"})", R"({"op":"signal","kind":"x","item":"i"})"}) {
    const Parsed parsed = parse(line);
    ASSERT_TRUE(parsed.operation.has_value()) << parsed.reason;
    std::string bytes;
    encode_operation(*parsed.operation, bytes);
    const Result<ImportedOperation> read = decode_operation(bytes);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->line, 7U);
    std::string again;
    encode_operation(*read, again);
    EXPECT_EQ(again, bytes);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_FALSE(decode_operation(std::string_view(bytes).substr(0, cut)).ok());
    }
  }
}

}  // namespace
}  // namespace tidal::cli
