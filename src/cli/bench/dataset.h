// The generated database that the larger cases measure: Zipf(1.0) items over 30 days of event times.
#pragma once

#include <cstdint>
#include <string>

#include "tidal/tidal.h"

namespace tidal::cli {

struct DatasetShape {
  std::uint64_t items = 1'000'000;
  std::uint64_t signals = 2'000'000;
  std::uint64_t users = 100'000;
  std::uint64_t creators = 50'000;
  std::uint64_t seed = 1;
  bool checkpoint_on_close = true;
};

struct DatasetTimes {
  double entity_seconds = 0;
  double signal_seconds = 0;
};

/// The moment the generated events end at: queries take it as their clock.
[[nodiscard]] Timestamp dataset_end();

/// Options that answer as of dataset_end().
[[nodiscard]] Options dataset_options();

/// Creates `path` anew and fills it in large batches; closes it.
[[nodiscard]] Result<DatasetTimes> build_dataset(const std::string& path, const DatasetShape& shape);

}  // namespace tidal::cli
