// A feed in one file: declare what a video is and what people do with it, write some of both, ask what is hot.
#include <iostream>
#include <string>

#include "tidal/tidal.h"

namespace {

constexpr const char* kSchema = R"(
  DEFINE FIELD item.title TEXT;
  DEFINE FIELD item.category KEYWORD INDEXED;
  DEFINE SIGNAL view ON items ROLE view DECAY exponential(7d) WINDOWS 1h, 24h VELOCITY;
  DEFINE SIGNAL like ON items ROLE positive DECAY exponential(14d) WINDOWS 24h, 7d;
)";

tidal::Status run(const std::string& directory) {
  TIDAL_TRY_ASSIGN(auto db, tidal::Database::open(directory, {.create_if_missing = true}));
  TIDAL_TRY(db.execute(kSchema));

  TIDAL_TRY(db.put_item("v1", {.creator = "ada", .fields = {{"title", "Piano basics"}, {"category", "music"}}}));
  TIDAL_TRY(db.put_item("v2", {.creator = "bob", .fields = {{"title", "Sourdough"}, {"category", "food"}}}));
  TIDAL_TRY(db.signal({.kind = "view", .item = "v1", .user = "u1"}));
  TIDAL_TRY(db.signal({.kind = "like", .item = "v1", .user = "u1"}));

  TIDAL_TRY_ASSIGN(const auto reply, db.retrieve(tidal::Retrieve::items()
                                                     .filter("category = $c")
                                                     .param("c", std::string("music"))
                                                     .sort_by("hot")
                                                     .with("fields(title)")
                                                     .limit(10)));
  for (const auto& item : reply.items) {
    std::cout << item.rank << ". " << std::get<std::string>(item.fields.at("title")) << " (" << item.score << ")\n";
  }
  if (reply.items.size() != 1) return tidal::Error(tidal::Code::Internal, "expected one item of the category music");
  return db.close();
}

}  // namespace

int main(int argc, char** argv) {
  const tidal::Status status = run(argc > 1 ? argv[1] : "quickstart.db");
  if (status.ok()) return 0;
  std::cerr << status.error().to_string() << "\n";
  return 1;
}
