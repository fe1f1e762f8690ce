// Small blocks come from the allocator, large ones from mmap, trimmed to whole huge pages.
#include "base/zeroed_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace tidal::base {
namespace {

constexpr std::size_t kLineBytes = 64;
constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;
constexpr std::size_t kLargeBytes = 2 * kHugePageBytes;

constexpr std::size_t rounded_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// Below this calloc would not take pages of its own either, and clearing costs little.
constexpr std::size_t kSmallBytes = 128 << 10;

void* allocate_small(std::size_t bytes) {
  void* memory = std::aligned_alloc(kLineBytes, rounded_up(bytes, kLineBytes));
  if (memory != nullptr) std::memset(memory, 0, bytes);
  return memory;
}

}  // namespace

void* allocate_zeroed(std::size_t bytes) {
  if (bytes < kSmallBytes) return allocate_small(bytes);
  const bool is_large = bytes >= kLargeBytes;
  const std::size_t size = rounded_up(bytes, is_large ? kHugePageBytes : 4096);
  const std::size_t slack = is_large ? kHugePageBytes : 0;
  void* mapped =
      mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  if (!is_large) return mapped;
  auto* const begin = static_cast<char*>(mapped);
  auto* const aligned = reinterpret_cast<char*>(rounded_up(reinterpret_cast<std::uintptr_t>(begin), kHugePageBytes));
  if (aligned != begin) munmap(begin, static_cast<std::size_t>(aligned - begin));
  if (char* const end = begin + size + slack; aligned + size != end) {
    munmap(aligned + size, static_cast<std::size_t>(end - (aligned + size)));
  }
  static_cast<void>(madvise(aligned, size, MADV_HUGEPAGE));  // a wish: small pages are as right
  return aligned;
}

void free_zeroed(void* memory, std::size_t bytes) {
  if (memory == nullptr) return;
  if (bytes < kSmallBytes) {
    std::free(memory);
  } else {
    munmap(memory, rounded_up(bytes, bytes >= kLargeBytes ? kHugePageBytes : 4096));
  }
}

}  // namespace tidal::base
