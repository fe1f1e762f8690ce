// The smallest program of a user: defines, writes, asks. Exits 0 when the answer is right.
#include <tidal/tidal.h>

#include <iostream>

namespace {

tidal::Status run() {
  TIDAL_TRY_ASSIGN(auto db, tidal::Database::open_in_memory());
  TIDAL_TRY(db.execute("DEFINE SIGNAL like ON items ROLE positive WINDOWS 24h VELOCITY;"));
  for (const char* key : {"quiet", "loved"}) TIDAL_TRY(db.put_item(key, {}));
  TIDAL_TRY(db.signal({.kind = "like", .item = "loved", .user = "ada"}));
  TIDAL_TRY_ASSIGN(const auto reply, db.retrieve(tidal::Retrieve::items().sort_by("top(all)").limit(1)));
  if (reply.items.size() != 1 || reply.items[0].key != "loved") {
    return tidal::Error(tidal::Code::Internal, "expected the item `loved` first");
  }
  return db.close();
}

}  // namespace

int main() {
  const tidal::Status status = run();
  if (!status.ok()) std::cerr << status.error().to_string() << "\n";
  return status.ok() ? 0 : 1;
}
