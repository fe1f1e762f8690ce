// Where the fixed fields of a record lie, and the reading and writing of little-endian fields in place.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace tidal::wal {

static_assert(std::endian::native == std::endian::little, "fields are copied as they are");

// Offsets from the start of a record. Strings and extensions follow the fixed part.
inline constexpr std::size_t kRecordLengthAt = 0;
inline constexpr std::size_t kRecordTypeAt = 4;
inline constexpr std::size_t kRecordFlagsAt = 5;
inline constexpr std::size_t kRecordKindAt = 6;  // a reserved zero byte follows
inline constexpr std::size_t kRecordSeqnoAt = 8;
inline constexpr std::size_t kRecordTimeAt = 16;
inline constexpr std::size_t kRecordSubjectPartitionAt = 24;
inline constexpr std::size_t kRecordUserPartitionAt = 26;
inline constexpr std::size_t kRecordFixedBytes = 28;

template <class T>
[[nodiscard]] T load(const char* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class T>
void store(char* to, T v) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &v, sizeof v);
}

}  // namespace tidal::wal
