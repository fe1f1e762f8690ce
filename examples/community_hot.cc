// The front page of a community: hot posts of one forum, page by page, without what the reader has seen.
#include <iostream>
#include <string>

#include "tidal/tidal.h"

namespace {

constexpr const char* kSchema = R"(
  DEFINE FIELD item.title TEXT;
  DEFINE FIELD item.forum KEYWORD INDEXED;
  DEFINE SIGNAL view WINDOWS 24h EFFECTS mark seen;
  DEFINE SIGNAL upvote ROLE positive DECAY exponential(2d) WINDOWS 24h, 7d EFFECTS mark liked;
  DEFINE SIGNAL downvote ROLE negative DECAY exponential(2d) WINDOWS 24h, 7d EFFECTS mark disliked;
)";

/// A post of `age` hours with its votes.
tidal::Status post(tidal::Database& db, const std::string& key, std::int64_t age, int up, int down) {
  tidal::Entity entity;
  entity.creator = "author-of-" + key;
  entity.created_at = db.now() - tidal::hours(age);
  entity.fields = {{"title", "Post " + key}, {"forum", std::string("cpp")}};
  TIDAL_TRY(db.put_item(key, entity));
  for (int i = 0; i < up + down; ++i) {
    tidal::Signal vote;
    vote.kind = i < up ? "upvote" : "downvote";
    vote.item = key;
    vote.user = "u" + std::to_string(i);
    TIDAL_TRY(db.signal(vote));
  }
  return {};
}

tidal::Status run() {
  TIDAL_TRY_ASSIGN(tidal::Database db, tidal::Database::open_in_memory());
  TIDAL_TRY(db.execute(kSchema));
  TIDAL_TRY(post(db, "fresh", 1, 30, 2));
  TIDAL_TRY(post(db, "classic", 48, 300, 10));
  TIDAL_TRY(post(db, "disputed", 2, 25, 19));
  TIDAL_TRY(post(db, "read", 1, 200, 0));
  TIDAL_TRY(db.execute("SIGNAL view ON @read BY @reader;"));

  std::string order;
  std::string cursor;
  do {  // two posts a page
    tidal::Retrieve page = tidal::Retrieve::items();
    page.for_user("reader").filter("unseen, forum = \"cpp\"").sort_by("hot").with("fields(title)").limit(2);
    if (!cursor.empty()) page.after(cursor);
    TIDAL_TRY_ASSIGN(const tidal::QueryReply reply, db.retrieve(page));
    for (const tidal::ResultItem& item : reply.items) {
      std::cout << item.rank << ". " << std::get<std::string>(item.fields.at("title")) << "\n";
      order += item.key + " ";
    }
    cursor = reply.cursor;
  } while (!cursor.empty());
  if (order != "fresh disputed classic ") return tidal::Error(tidal::Code::Internal, "unexpected order: " + order);
  return db.close();
}

}  // namespace

int main() {
  const tidal::Status status = run();
  if (!status.ok()) std::cerr << status.error().to_string() << "\n";
  return status.ok() ? 0 : 1;
}
