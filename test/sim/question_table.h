// The conditions and orders that questions are made of, each as text and as the model's brute-force answer.
//
// Threads: immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "test/sim/model.h"

namespace tidal::sim {

/// Who asks, about what, when.
struct Asked {
  const Model& model;
  EntityKind kind = EntityKind::Item;
  const std::string& key;
  const std::string& user;  ///< who asks; "" nobody, or one who does not exist
  Timestamp now;
};

struct Condition {
  std::string_view text;
  bool (*holds)(const Asked&);
  bool of_user = false;       ///< needs FOR USER
  bool wants_hidden = false;  ///< lets hidden items in
};

struct Score {
  double value = 0;
  double error_max = 0;  ///< by how much the database may differ
};

struct Order {
  std::string_view text;
  EntityKind kind = EntityKind::Item;
  bool descending = true;
  Score (*score)(const Asked&) = nullptr;
};

[[nodiscard]] const std::vector<Condition>& conditions();
[[nodiscard]] const std::vector<Order>& orders();

/// When an entity counts as created: one whose creation is open is as old as can be.
[[nodiscard]] double creation_us(const Asked& asked);

}  // namespace tidal::sim
