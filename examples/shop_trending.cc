// A shop's "trending now" shelf: cheap things in stock that people put into carts this hour more than before.
#include <iostream>
#include <string>
#include <vector>

#include "tidal/tidal.h"

namespace {

constexpr const char* kSchema = R"(
  DEFINE FIELD item.title TEXT;
  DEFINE FIELD item.price FLOAT INDEXED;
  DEFINE FIELD item.in_stock BOOL INDEXED DEFAULT true;
  DEFINE SIGNAL view DECAY exponential(7d) WINDOWS 1h, 24h VELOCITY EFFECTS mark seen;
  DEFINE SIGNAL cart ROLE save, positive DECAY exponential(14d) WINDOWS 1h, 24h VELOCITY EFFECTS mark saved;
)";

tidal::Entity product(const std::string& title, double price, bool in_stock) {
  tidal::Entity entity;
  entity.fields = {{"title", title}, {"price", price}, {"in_stock", in_stock}};
  return entity;
}

/// `count` events of different customers within the last minutes.
std::vector<tidal::Signal> events(const std::string& kind, const std::string& item, int count, tidal::Timestamp now) {
  std::vector<tidal::Signal> list;
  for (int i = 0; i < count; ++i) {
    tidal::Signal signal;
    signal.kind = kind;
    signal.item = item;
    signal.user = "customer" + std::to_string(i);
    signal.at = now - tidal::minutes(i % 10);
    list.push_back(signal);
  }
  return list;
}

tidal::Status run() {
  TIDAL_TRY_ASSIGN(tidal::Database shop, tidal::Database::open_in_memory());
  TIDAL_TRY(shop.execute(kSchema));
  TIDAL_TRY(shop.put_item("lamp", product("Desk lamp", 29.0, true)));
  TIDAL_TRY(shop.put_item("sofa", product("Sofa", 899.0, true)));
  TIDAL_TRY(shop.put_item("mug", product("Blue mug", 9.5, true)));
  TIDAL_TRY(shop.put_item("rug", product("Wool rug", 45.0, false)));

  const tidal::Timestamp now = shop.now();
  for (const auto& [item, views] : {std::pair("lamp", 12), {"sofa", 60}, {"mug", 40}, {"rug", 50}}) {
    TIDAL_TRY(shop.signals(events("view", item, views, now)));
    TIDAL_TRY(shop.signals(events("cart", item, views / 4, now)));
  }

  // What customers type or pick goes into params, never into the text.
  TIDAL_TRY_ASSIGN(const tidal::QueryReply shelf, shop.retrieve(tidal::Retrieve::items()
                                                                    .filter("in_stock = true, price <= $limit")
                                                                    .param("limit", 50.0)
                                                                    .sort_by("cart.velocity(1h) DESC")
                                                                    .with("fields(title, price)")
                                                                    .with("signals(cart.count(1h))")
                                                                    .limit(10)));
  std::string order;
  for (const tidal::ResultItem& item : shelf.items) {
    std::cout << item.rank << ". " << std::get<std::string>(item.fields.at("title")) << ", in "
              << item.signals[0].second << " carts this hour\n";
    order += item.key + " ";
  }
  if (order != "mug lamp ") return tidal::Error(tidal::Code::Internal, "expected the mug and the lamp, got " + order);
  return shop.close();
}

}  // namespace

int main() {
  const tidal::Status status = run();
  if (!status.ok()) std::cerr << status.error().to_string() << "\n";
  return status.ok() ? 0 : 1;
}
