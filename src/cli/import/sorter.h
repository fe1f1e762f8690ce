// Puts operations into event-time order with bounded memory: sorted runs in files, merged at the end.
//
// O1: the order is stable: what has the same key comes out as it went in. O2: memory for the bytes stays below
// `memory_bytes` plus one block a run. Threads: externally synchronized.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"

namespace tidal::cli {

/// Sections follow on each other; inside one, times decide.
struct SortKey {
  std::uint32_t section = 0;
  std::int64_t time = 0;
  auto operator<=>(const SortKey&) const = default;
};

class Sorter {
 public:
  /// Runs go to `folder`, which is created when the first one is needed and removed by the destructor.
  Sorter(base::FileSystem& fs, std::string folder, std::size_t memory_bytes);
  ~Sorter();
  Sorter(const Sorter&) = delete;
  Sorter& operator=(const Sorter&) = delete;

  /// IoError, ResourceExhausted: a run could not be written.
  [[nodiscard]] Status add(SortKey key, std::string_view bytes);
  /// No more add(); next() may begin.
  [[nodiscard]] Status finish();
  /// The next bytes in order, valid until the next call; false at the end.
  [[nodiscard]] Result<bool> next(std::string_view& bytes);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::size_t runs() const { return runs_.size(); }

 private:
  struct Entry {
    SortKey key;
    std::uint32_t block;
    std::uint32_t offset;
    std::uint32_t length;
  };
  class Run;

  void sort_entries();
  [[nodiscard]] std::string_view bytes_of(const Entry& entry) const;
  [[nodiscard]] Status spill();

  base::FileSystem& fs_;
  std::string folder_;
  std::size_t memory_bytes_;
  std::vector<std::string> blocks_;
  std::vector<Entry> entries_;
  std::size_t held_bytes_ = 0;
  std::uint64_t count_ = 0;
  std::vector<std::unique_ptr<Run>> runs_;
  std::size_t next_entry_ = 0;
  Run* last_ = nullptr;  // whose front was handed out and must be passed over
};

}  // namespace tidal::cli
