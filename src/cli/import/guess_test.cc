// Guessed maps for the tables that people have.
#include "cli/import/guess.h"

#include <gtest/gtest.h>

#include "cli/import/map.h"

namespace tidal::cli {
namespace {

const Declared& movies() {
  static const Declared kDeclared = read_declared(
      "DEFINE FIELD item.title TEXT;\nDEFINE FIELD item.year INT INDEXED;\nDEFINE FIELD item.genres KEYWORD[] "
      "INDEXED;\n"
      "DEFINE SIGNAL rating VALUE 0.5..5;\nDEFINE SIGNAL view;\n");
  return kDeclared;
}

struct Case {
  std::string head;
  std::string map;
};

TEST(Guess, FindsTheMapOfCommonTables) {
  const Case kCases[] = {
      {"userId,movieId,rating,timestamp\n383,21,3.0,789652009\n",
       "signal:kind=rating,user=userId,item=movieId,value=rating,at=timestamp:unix"},
      {"movieId,title,year,genres\n1,Toy Story,1995,Adventure|Animation\n2,Jumanji,1995,Adventure\n",
       "item:key=movieId,title=title,year=year,genres=genres:split(|)"},
      {"196\t242\t3\t881250949\n186\t302\t3\t891717742\n", "signal:kind=rating,user=1,item=2,value=3,at=4:unix"},
      {"user_id;item_id;event_type;ts\nu1;i1;view;1700000000000\n",
       "signal:kind=col(event_type),user=user_id,item=item_id,at=ts:unix_ms"},
      {"visitor,product,at\nv1,p1,2026-11-22T12:00:00Z\n", "signal:kind=view,user=visitor,item=product,at=at:iso"},
      {"id,title,year\na1,Heat,1995\n", "item:key=id,title=title,year=year"},
      {"colour,size\nred,3\n", ""},
      {"", ""},
  };
  for (const Case& each : kCases) EXPECT_EQ(guess_table(each.head, movies()).map, each.map) << each.head;
}

TEST(Guess, GivesMapsThatCanBeRead) {
  for (const std::string head : {"userId,movieId,rating,timestamp\n383,21,3.0,789652009\n",
                                 "movieId,title,year,genres\n1,Toy Story,1995,Adventure|Animation\n"}) {
    const Guess guess = guess_table(head, movies());
    Result<Map> map = Map::parse(guess.map);
    ASSERT_TRUE(map.ok());
    EXPECT_TRUE(map->bind(guess.columns, movies(), false).ok());
  }
}

TEST(Guess, SaysWhatItLeftOutAndHowToKeepIt) {
  const Guess guess = guess_table("movieId,title,budget\n1,Heat,60000000\n", movies());
  EXPECT_EQ(guess.map, "item:key=movieId,title=title");
  ASSERT_EQ(guess.notes.size(), 1U);
  EXPECT_EQ(guess.notes[0], "column 'budget' is left out; to keep it: DEFINE FIELD item.budget INT INDEXED;");
}

TEST(Guess, SaysWhichSignalIsMissing) {
  const Guess guess = guess_table("userId,movieId,rating,timestamp\n1,2,3,789652009\n", read_declared(""));
  ASSERT_FALSE(guess.notes.empty());
  EXPECT_EQ(guess.notes[0].substr(0, 41), "the schema has no signal 'rating': DEFINE");
}

TEST(Guess, TellsHeadersFromData) {
  EXPECT_TRUE(guess_table("userId,movieId\n1,2\n", movies()).has_header);
  EXPECT_FALSE(guess_table("1,2,789652009\n3,4,789652010\n", movies()).has_header);
}

TEST(Guess, ShowsTheFirstRowsAndTheirTypes) {
  const Guess guess = guess_table("id,when,what\na,1700000000,x|y\nb,1700000001,z\n", movies());
  ASSERT_EQ(guess.rows.size(), 2U);
  EXPECT_EQ(column_type_text(guess.types[1]), "unix seconds");
  EXPECT_EQ(column_type_text(guess.types[2]), "list split by |");
}

}  // namespace
}  // namespace tidal::cli
