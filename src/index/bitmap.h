// A set of ordinals: the value type of every filter. Compressed (Roaring), so that sparse and dense sets both stay
// small.
//
// A moved-from bitmap may only be assigned to or destroyed.
// Threads: a value like std::vector: concurrent reads are fine, writes need exclusion.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::index {

class Bitmap {
 public:
  Bitmap();
  Bitmap(const Bitmap& other);
  Bitmap(Bitmap&& other) noexcept;
  Bitmap& operator=(const Bitmap& other);
  Bitmap& operator=(Bitmap&& other) noexcept;
  ~Bitmap();

  /// All of [0, n).
  [[nodiscard]] static Bitmap range(std::uint32_t n);
  [[nodiscard]] static Bitmap of(std::span<const Ordinal> ordinals);
  /// Bit i of words[w] is ordinal 64 * w + i. Cost: a copy of the words; what a column scan ends with.
  [[nodiscard]] static Bitmap of_words(std::span<const std::uint64_t> words);

  void add(Ordinal o);
  void remove(Ordinal o);
  [[nodiscard]] bool contains(Ordinal o) const;
  [[nodiscard]] std::uint64_t cardinality() const;
  [[nodiscard]] bool empty() const;

  Bitmap& operator&=(const Bitmap& other);
  Bitmap& operator|=(const Bitmap& other);
  Bitmap& operator-=(const Bitmap& other);  ///< and-not
  Bitmap& operator^=(const Bitmap& other);  ///< members of exactly one
  [[nodiscard]] bool operator==(const Bitmap& other) const;

  /// All members, ascending.
  [[nodiscard]] std::vector<Ordinal> to_vector() const;
  /// Members in ascending order until `visit` returns false.
  void for_each(const std::function<bool(Ordinal)>& visit) const;

  /// Roaring's portable format.
  void serialize(std::string& out) const;
  /// Corruption unless `bytes` is exactly one valid bitmap; safe on any input.
  [[nodiscard]] static Result<Bitmap> deserialize(std::string_view bytes);
  /// Compact for keeping (run-length encodes, shrinks).
  void optimize();
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidal::index
