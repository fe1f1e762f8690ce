// Whole imports into a stand-in: order, rejects, twice = once, stopped = not stopped.
#include "cli/import/importer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/memory_file_system.h"
#include "cli/import/fake_target.h"
#include "cli/import/gzip_text.h"

namespace tidal::cli {
namespace {

const ImportProgress kSilent = [](std::string_view, std::uint64_t, double) {};

class Importer : public ::testing::Test {
 protected:
  void file(const std::string& path, std::string_view content) {
    ASSERT_TRUE(base::write_file_atomically(fs, path, content).ok());
  }
  Result<ImportReport> import(const std::string& path, ImportOptions options = {}) {
    options.spill_folder = "spill";
    return import_file(fs, target, path, options, kSilent);
  }
  std::string rejects(const std::string& path) {
    const Result<std::string> text = base::read_file(fs, path + ".rejects");
    if (!text.ok()) return "no file";
    EXPECT_EQ(text->find("# lines left out by tidal import "), 0U);
    return text->substr(text->find('\n') + 1);
  }

  base::MemoryFileSystem fs;
  FakeTarget target;
};

constexpr std::string_view kEvents =
    R"({"op":"signal","kind":"like","user":"u1","item":"i1","at":"2026-01-03T00:00Z"}
{"op":"item","key":"i1"}
{"op":"signal","kind":"view","user":"u1","item":"i2","at":"2026-01-01T00:00Z"}
{"op":"item","key":"i2"}
{"op":"signal","kind":"view","user":"u2","item":"i1"}
{"op":"signal","kind":"view","user":"u3","item":"i1","at":"2026-01-02T00:00Z"}
)";

TEST_F(Importer, AppliesEntitiesFirstThenEventsByTime) {
  file("e.jsonl", kEvents);
  const Result<ImportReport> report = import("e.jsonl");
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(target.applied,
            (std::vector<std::string>{"item i1", "item i2", "view i2 u1", "view i1 u3", "like i1 u1", "view i1 u2"}));
  EXPECT_EQ(report->applied, 6U);
  EXPECT_EQ(to_string(*report->newest), "2026-01-03T00:00:00Z");
}

TEST_F(Importer, KeepsTheOrderOfLinesAsIs) {
  target.check_items = false;
  file("e.jsonl", kEvents);
  ASSERT_TRUE(import("e.jsonl", {.as_is = true}).ok());
  EXPECT_EQ(target.applied.front(), "like i1 u1");
  EXPECT_EQ(target.applied.back(), "view i1 u3");
}

TEST_F(Importer, KeepsTheOrderOfAnExport) {
  target.check_items = false;
  file("e.jsonl", "{\"op\":\"export\",\"order\":\"log\"}\n" + std::string(kEvents));
  const Result<ImportReport> report = import("e.jsonl");
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(target.applied,
            (std::vector<std::string>{"like i1 u1", "item i1", "view i2 u1", "item i2", "view i1 u2", "view i1 u3"}));
  const std::vector<std::string> once = target.applied;
  ASSERT_TRUE(import("e.jsonl", {.as_is = true}).ok());
  EXPECT_EQ(target.applied, once) << "the same order is the same import";
}

TEST_F(Importer, TakesTheMarkOfAnExportInItsFirstLineOnly) {
  file("e.jsonl", "{\"op\":\"item\",\"key\":\"i1\"}\n{\"op\":\"export\",\"order\":\"log\"}\n");
  ASSERT_TRUE(import("e.jsonl").ok());
  EXPECT_EQ(rejects("e.jsonl"), "2\top: 'export' belongs into the first line\n");
}

TEST_F(Importer, AppliesWhatStandsBeforeADeletionBeforeIt) {
  file("e.jsonl",
       R"({"op":"signal","kind":"like","user":"u2","item":"i1","at":"2026-01-03T00:00Z"}
{"op":"signal","kind":"like","user":"u1","item":"i1","at":"2026-01-02T00:00Z"}
{"op":"item","key":"i1"}
{"op":"delete","kind":"item","key":"i1"}
{"op":"signal","kind":"like","user":"u3","item":"i1","at":"2026-01-01T00:00Z"}
{"op":"item","key":"i1"}
)");
  ASSERT_TRUE(import("e.jsonl").ok());
  EXPECT_EQ(target.applied, (std::vector<std::string>{"item i1", "like i1 u1", "like i1 u2", "delete item i1",
                                                      "item i1", "like i1 u3"}));
}

constexpr std::string_view kDefinitions =
    R"({"op":"item","key":"i1"}
{"op":"schema","at":"2026-01-01T00:00Z","statements":["DEFINE FIELD item.length INT;","DEFINE SIGNAL poke;"]}
{"op":"signal","kind":"poke","user":"u1","item":"i1","at":"2026-01-02T00:00Z"}
{"op":"item","key":"i2","fields":{"length":3}}
)";

TEST_F(Importer, CarriesDefinitionsInTheirPlace) {
  file("e.jsonl", kDefinitions);
  for (const bool as_is : {false, true}) {
    target = FakeTarget();
    ASSERT_TRUE(import("e.jsonl", {.as_is = as_is}).ok());
    EXPECT_EQ(rejects("e.jsonl"), "no file");
    const std::size_t poke = as_is ? 2 : 3;
    ASSERT_EQ(target.applied.size(), 4U);
    EXPECT_EQ(target.applied[0], "item i1");
    EXPECT_EQ(target.applied[1], "DEFINE FIELD item.length INT");
    EXPECT_EQ(target.applied[poke], "poke i1 u1");
    EXPECT_EQ(target.applied[5 - poke], "item i2");
  }
}

TEST_F(Importer, ListsDefinitionsThatAreRefusedAndWhatNeedsThem) {
  file("e.jsonl",
       R"({"op":"schema","statements":["DEFINE FIELD item.refuse INT;"]}
{"op":"schema"}
{"op":"schema","statements":"DEFINE SIGNAL poke;"}
{"op":"item","key":"i1","fields":{"refuse":1}}
{"op":"item","key":"i2"}
)");
  ASSERT_TRUE(import("e.jsonl").ok());
  EXPECT_EQ(target.applied, (std::vector<std::string>{"item i2"}));
  EXPECT_EQ(rejects("e.jsonl"),
            "1\tinjected refusal\n2\tstatements: missing\n3\tstatements: expected an array of strings\n"
            "4\titems have no field 'refuse', expected one of tags, title, year\n");
}

TEST_F(Importer, RefusesBinaryFilesWithAndWithoutAMap) {
  file("picture", std::string_view("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16));
  file("utf16.csv", std::string_view("\xFF\xFEu\0,\0", 6));
  for (const std::vector<std::string>& maps : {std::vector<std::string>{}, {"signal:kind=like,user=1,item=2"}}) {
    const Result<ImportReport> picture = import("picture", {.maps = maps});
    ASSERT_FALSE(picture.ok());
    EXPECT_EQ(picture.error().message, "expected text (JSON lines, CSV or TSV), got binary data: byte 26 at offset 6");
    const Result<ImportReport> wide = import("utf16.csv", {.maps = maps});
    ASSERT_FALSE(wide.ok());
    EXPECT_NE(wide.error().message.find("UTF-16"), std::string::npos);
  }
}

TEST_F(Importer, ChangesNothingTheSecondTime) {  // I1
  file("e.jsonl", kEvents);
  ASSERT_TRUE(import("e.jsonl").ok());
  const std::vector<std::string> once = target.applied;
  const Result<ImportReport> again = import("e.jsonl");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(target.applied, once);
  EXPECT_EQ(again->applied, 0U);
  EXPECT_EQ(again->skipped, 6U);
}

TEST_F(Importer, TakesAnotherMapForAnotherImport) {
  file("r.csv", "u,i,r\nu1,i1,5\n");
  target.items.insert("i1");
  ASSERT_TRUE(import("r.csv", {.maps = {"signal:kind=view,user=u,item=i,value=r"}}).ok());
  ASSERT_TRUE(import("r.csv", {.maps = {"signal:kind=like,user=u,item=i"}}).ok());
  EXPECT_EQ(target.applied, (std::vector<std::string>{"view i1 u1 5.0", "like i1 u1"}));
}

TEST_F(Importer, MakesAnOperationOfARowForEachMap) {
  file("r.csv", "u,i,r\nu1,i1,5\nu2,i1,2\n");
  target.items.insert("i1");
  ASSERT_TRUE(
      import("r.csv", {.maps = {"signal:kind=view,user=u,item=i", "signal:kind=like,user=u,item=i,where=r>=4"}}).ok());
  EXPECT_EQ(target.applied, (std::vector<std::string>{"view i1 u1", "like i1 u1", "view i1 u2"}));
}

TEST_F(Importer, LeavesBadLinesOutAndListsThem) {  // I3
  file("e.jsonl",
       "{\"op\":\"item\",\"key\":\"i1\"}\n"
       "nonsense\n"
       "{\"op\":\"signal\",\"kind\":\"poke\",\"item\":\"i1\"}\n"
       "{\"op\":\"signal\",\"kind\":\"view\",\"item\":\"i9\"}\n"
       "\n"
       "{\"op\":\"signal\",\"kind\":\"view\",\"item\":\"i1\",\"user\":\"u\"}\n");
  const Result<ImportReport> report = import("e.jsonl");
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(target.applied, (std::vector<std::string>{"item i1", "view i1 u"}));
  EXPECT_EQ(report->rejected, 3U);
  EXPECT_EQ(rejects("e.jsonl"),
            "2\tnot valid JSON\n3\tthere is no signal 'poke', expected one of view, like\n4\tthere is no item 'i9'\n");
  EXPECT_EQ(report->first_reject, "line 2: not valid JSON");
}

TEST_F(Importer, LeavesBadRowsOut) {
  file("m.csv", "id,title,year\n1,Heat,1995\n2,Alien\n3,\"x\"y,1\n4,Up,soon\n5,\xff,1\n6,Jaws,1975\n");
  const Result<ImportReport> report = import("m.csv", {.maps = {"item:key=id,title=title,year=year"}});
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(target.applied, (std::vector<std::string>{"item 1", "item 6"}));
  EXPECT_EQ(
      rejects("m.csv"),
      "3\texpected 3 columns, got 2\n4\ttext behind the closing quote of column 2\n5\tyear: expected INT, got 'soon'\n"
      "6\tcolumn 2 is not valid UTF-8\n");
}

TEST_F(Importer, WritesNothingWhenTooManyLinesAreBad) {
  std::string text = "{\"op\":\"item\",\"key\":\"i1\"}\n";
  for (int i = 0; i < 20; ++i) text += "nonsense\n";
  file("e.jsonl", text);
  const Result<ImportReport> report = import("e.jsonl", {.rejects_max = 10});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, Code::InvalidArgument);
  EXPECT_EQ(report.error().message, "more than 10 bad lines (--max-rejects); the first: line 2: not valid JSON");
  EXPECT_TRUE(target.applied.empty());
}

TEST_F(Importer, RemovesTheRejectsOfAnotherContent) {
  file("e.jsonl", "{\"op\":\"item\",\"key\":\"i1\"}\nnonsense\n");
  ASSERT_TRUE(import("e.jsonl").ok());
  EXPECT_EQ(rejects("e.jsonl"), "2\tnot valid JSON\n");
  file("e.jsonl", "{\"op\":\"item\",\"key\":\"i2\"}\n");
  ASSERT_TRUE(import("e.jsonl").ok());
  EXPECT_EQ(rejects("e.jsonl"), "no file");
}

TEST_F(Importer, NeverTouchesAFileThatIsNoListOfRejects) {
  file("e.jsonl", "{\"op\":\"item\",\"key\":\"i1\"}\nnonsense\n");
  file("ids.tsv", "1\tone\n");
  file("e.jsonl.rejects", "1\tmine\n");
  for (const std::string place : {"ids.tsv", "e.jsonl", ""}) {
    const Result<ImportReport> report = import("e.jsonl", {.rejects_path = place});
    ASSERT_FALSE(report.ok()) << place;
    EXPECT_EQ(report.error().code, Code::InvalidArgument);
    EXPECT_NE(report.error().message.find(place.empty() ? "e.jsonl.rejects" : place), std::string::npos);
  }
  EXPECT_TRUE(target.applied.empty());
  EXPECT_EQ(*base::read_file(fs, "ids.tsv"), "1\tone\n");
  EXPECT_EQ(*base::read_file(fs, "e.jsonl.rejects"), "1\tmine\n");
}

TEST_F(Importer, LeavesAListOfRejectsOfANewerFormatAlone) {
  file("e.jsonl", "{\"op\":\"item\",\"key\":\"i1\"}\nnonsense\n");
  ASSERT_TRUE(import("e.jsonl").ok());
  std::string list = *base::read_file(fs, "e.jsonl.rejects");
  list.insert(list.find('\n'), " format 9");
  file("e.jsonl.rejects", list);
  for (const std::string place : {"e.jsonl.rejects", ""}) {
    const Result<ImportReport> report = import("e.jsonl", {.rejects_path = place});
    ASSERT_FALSE(report.ok()) << place;
    EXPECT_EQ(report.error().code, Code::FailedPrecondition);
    EXPECT_NE(report.error().message.find("'e.jsonl.rejects' is a list of rejects of format 9"), std::string::npos)
        << report.error().message;
    EXPECT_NE(report.error().message.find("reads format 1"), std::string::npos);
  }
  EXPECT_EQ(*base::read_file(fs, "e.jsonl.rejects"), list);
}

TEST_F(Importer, ReadsItsInputBeforeItTouchesTheRejects) {
  file("e.jsonl", "{}\nnonsense\n");
  ASSERT_TRUE(import("e.jsonl").ok());
  ASSERT_TRUE(fs.remove("e.jsonl").ok());
  ASSERT_FALSE(import("e.jsonl").ok());
  EXPECT_EQ(rejects("e.jsonl"), "1\top: missing\n2\tnot valid JSON\n");
}

constexpr std::string_view kRefusedByTheDatabase =
    R"({"op":"item","key":"i1"}
{"op":"signal","kind":"view","item":"i8","user":"u","at":1}
nonsense
{"op":"signal","kind":"view","item":"i1","user":"u","at":2}
{"op":"signal","kind":"view","item":"i9","user":"u","at":3}
{"op":"signal","kind":"view","item":"i1","user":"v","at":4}
)";

TEST_F(Importer, RemembersTheSecondTimeWhatTheDatabaseRefused) {
  file("e.jsonl", kRefusedByTheDatabase);
  ASSERT_TRUE(import("e.jsonl").ok());
  const std::string listed = rejects("e.jsonl");
  EXPECT_EQ(listed, "3\tnot valid JSON\n2\tthere is no item 'i8'\n5\tthere is no item 'i9'\n");
  for (int again = 0; again < 2; ++again) {
    const Result<ImportReport> report = import("e.jsonl");
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(report->rejected, 3U);
    EXPECT_EQ(report->rejected_earlier, 2U) << "the reader found the other again";
    EXPECT_EQ(report->rejects_path, "e.jsonl.rejects");
    EXPECT_EQ(rejects("e.jsonl"), listed);
  }
}

TEST_F(Importer, ListsEveryRejectBeforeTheMarkThatCoversIt) {
  file("e.jsonl", kRefusedByTheDatabase);
  target.batches_before_failure = 2;  // the item, then the first view; it stops where a killed one would
  ASSERT_FALSE(import("e.jsonl", {.batch_operations = 2}).ok());
  EXPECT_NE(rejects("e.jsonl").find("2\tthere is no item 'i8'\n"), std::string::npos);
  target.batches_before_failure = ~std::size_t{0};
  const Result<ImportReport> report = import("e.jsonl", {.batch_operations = 2});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->rejected, 3U);
  EXPECT_EQ(target.applied, (std::vector<std::string>{"item i1", "view i1 u", "view i1 v"}));
  EXPECT_EQ(rejects("e.jsonl"), "3\tnot valid JSON\n2\tthere is no item 'i8'\n5\tthere is no item 'i9'\n");
}

TEST_F(Importer, TakesFromTheListWhatCameInLater) {
  file("e.jsonl", kRefusedByTheDatabase);
  ASSERT_FALSE(import("e.jsonl", {.rejects_max = 2, .batch_operations = 2}).ok()) << "a third bad line";
  ASSERT_NE(rejects("e.jsonl").find("2\tthere is no item 'i8'\n"), std::string::npos);
  target.items.insert("i8");
  target.items.insert("i9");
  const Result<ImportReport> report = import("e.jsonl", {.batch_operations = 2});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->rejected_earlier, 1U) << "the mark has passed it";
  EXPECT_EQ(rejects("e.jsonl"), "3\tnot valid JSON\n2\tthere is no item 'i8'\n");
  EXPECT_EQ(target.applied.back(), "view i1 v");
}

TEST_F(Importer, WritesNothingWhenTheRejectsThatWereAskedForCannotBeWritten) {
  file("e.jsonl", kRefusedByTheDatabase);
  const Result<ImportReport> report = import("e.jsonl", {.rejects_path = "no/folder/r", .rejects_must_work = true});
  ASSERT_FALSE(report.ok());
  EXPECT_NE(report.error().message.find("could not write no/folder/r"), std::string::npos) << report.error().message;
  EXPECT_TRUE(target.applied.empty());
  const Result<ImportReport> unasked = import("e.jsonl", {.rejects_path = "no/folder/r"});
  ASSERT_TRUE(unasked.ok());
  EXPECT_EQ(unasked->rejected, 3U);
  EXPECT_EQ(unasked->rejects_path, "");
  EXPECT_NE(unasked->rejects_defect.find("could not write no/folder/r: "), std::string::npos);
}

TEST_F(Importer, TakesJsonLinesWithAMapForTheSameImport) {
  file("e.jsonl", kEvents);
  ASSERT_TRUE(import("e.jsonl").ok());
  const std::vector<std::string> once = target.applied;
  const Result<ImportReport> again = import("e.jsonl", {.maps = {"item:key=1"}});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->skipped, 6U);
  EXPECT_EQ(target.applied, once);
}

TEST_F(Importer, RefusesATableWithoutAMap) {
  file("t.csv", "a,b\n1,2\n");
  const Result<ImportReport> report = import("t.csv");
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().message, "the file is a table: say with --map what its columns mean");
}

TEST_F(Importer, TakesAnEmptyFile) {
  file("e.jsonl", "");
  const Result<ImportReport> report = import("e.jsonl");
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->operations, 0U);
}

TEST_F(Importer, NamesAMissingFile) {
  const Result<ImportReport> report = import("nowhere.csv");
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, Code::NotFound);
}

std::string random_history() {
  const int count = *rc::gen::inRange(0, 60);
  std::string text = "{\"op\":\"item\",\"key\":\"i0\"}\n{\"op\":\"item\",\"key\":\"i1\"}\n";
  for (int i = 0; i < count; ++i) {
    const int choice = *rc::gen::inRange(0, 10);
    const std::string item = "i" + std::to_string(*rc::gen::inRange(0, 3));  // i2 does not exist
    if (choice == 0) {
      text += "bad line\n";
    } else if (choice == 2) {
      text += "{\"op\":\"delete\",\"kind\":\"item\",\"key\":\"gone\"}\n";
    } else if (choice == 3) {
      text += "{\"op\":\"schema\",\"statements\":[\"DEFINE FIELD item.f" + std::to_string(i) + " INT;\"]}\n";
    } else if (choice == 1) {
      text += "{\"op\":\"signal\",\"kind\":\"poke\",\"item\":\"" + item + "\"}\n";
    } else {
      text += "{\"op\":\"signal\",\"kind\":\"like\",\"user\":\"u" + std::to_string(i) + "\",\"item\":\"" + item +
              "\",\"at\":" + std::to_string(*rc::gen::inRange(0, 1000)) + "}\n";
    }
  }
  return text;
}

RC_GTEST_PROP(ImporterProperty, AStoppedImportEndsLikeOneThatWasNot, ()) {  // I2, I1
  std::string text = random_history();
  if (*rc::gen::arbitrary<bool>()) text = "{\"op\":\"export\",\"order\":\"log\"}\n" + text;
  base::MemoryFileSystem fs;
  RC_ASSERT(base::write_file_atomically(fs, "e.jsonl", text).ok());
  ImportOptions options;
  options.as_is = *rc::gen::arbitrary<bool>();
  options.batch_operations = *rc::gen::inRange<std::size_t>(1, 9);
  options.sort_bytes = *rc::gen::inRange<std::size_t>(100, 5000);
  options.spill_folder = "spill";
  FakeTarget whole;
  RC_ASSERT(import_file(fs, whole, "e.jsonl", options, kSilent).ok());
  FakeTarget stopped;
  for (int run = 0; run < 3; ++run) {
    stopped.batches_before_failure = *rc::gen::inRange<std::size_t>(0, 4);
    static_cast<void>(import_file(fs, stopped, "e.jsonl", options, kSilent));  // fails or not: both must be resumable
    options.batch_operations = *rc::gen::inRange<std::size_t>(1, 9);
  }
  stopped.batches_before_failure = ~std::size_t{0};
  RC_ASSERT(import_file(fs, stopped, "e.jsonl", options, kSilent).ok());
  RC_ASSERT(stopped.applied == whole.applied);
  RC_ASSERT(import_file(fs, stopped, "e.jsonl", options, kSilent).ok());
  RC_ASSERT(stopped.applied == whole.applied);
}

RC_GTEST_PROP(ImporterProperty, AResumedImportCountsAlikeUnderAnotherSchema, ()) {
  base::MemoryFileSystem fs;
  RC_ASSERT(base::write_file_atomically(fs, "e.jsonl", random_history()).ok());
  ImportOptions options;
  options.batch_operations = 3;
  options.as_is = *rc::gen::arbitrary<bool>();
  FakeTarget target;
  target.batches_before_failure = *rc::gen::inRange<std::size_t>(0, 8);
  static_cast<void>(import_file(fs, target, "e.jsonl", options, kSilent));  // stopped somewhere
  target.schema += "DEFINE SIGNAL poke;\n";
  target.batches_before_failure = ~std::size_t{0};
  RC_ASSERT(import_file(fs, target, "e.jsonl", options, kSilent).ok());
  std::map<std::string, int> times;
  for (const std::string& each : target.applied) {
    if (each.substr(0, 4) == "like") RC_ASSERT(++times[each] == 1);
  }
}

TEST_F(Importer, TellsAnImportByContentMapsAndOrder) {
  file("a.csv", "u,i\n1,2\n");
  file("b.csv", "u,i\n1,2\n");
  file("c.csv", "u,i\n1,3\n");
  const ImportOptions options{.maps = {"signal:kind=like,item=i"}};
  const std::string a = *import_identity(fs, "a.csv", options);
  EXPECT_EQ(a.size(), 32U);
  EXPECT_EQ(*import_identity(fs, "b.csv", options), a) << "a copy is the same import";
  file("a.csv.gz", gzip("u,i\n1,2\n"));
  EXPECT_EQ(*import_identity(fs, "a.csv.gz", options), a) << "a compressed one, too";
  EXPECT_NE(*import_identity(fs, "c.csv", options), a);
  EXPECT_NE(*import_identity(fs, "a.csv", {.maps = {"signal:kind=view,item=i"}}), a);
  EXPECT_NE(*import_identity(fs, "a.csv", {.maps = {"signal:kind=like,item=i"}, .as_is = true}), a);
}

}  // namespace
}  // namespace tidal::cli
