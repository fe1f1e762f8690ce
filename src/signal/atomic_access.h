// Plain words read and written atomically, and the sequence lock over one record of them.
//
// A record is a `sequence` word plus data words, some of them in blocks the record refers to. The writer makes the
// sequence odd, stores data, makes it even; a reader whose sequence was even and unchanged saw one version.
// Data stores are releases and data loads acquires: a reader that saw a word of a newer version synchronises with its
// store, so its second look at the sequence cannot miss the change. No fences, which ThreadSanitizer does not follow;
// on x86 both are ordinary moves.
// Threads: one writer a record, any number of readers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace tidal::signal {

/// Pairs with store_word.
template <class T>
[[nodiscard]] T load_word(const T& word) {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_acquire);
}

template <class T>
void store_word(T& word, T value) {
  std::atomic_ref<T>(word).store(value, std::memory_order_release);
}

/// load_word() and store_word() for memory of any type, 64 bits at a time: `bytes` is a multiple of 8, as is every
/// address.
inline void load_words(const std::byte* from, std::byte* to, std::size_t bytes) {
  using Word [[gnu::may_alias]] = std::uint64_t;
  for (std::size_t at = 0; at < bytes; at += sizeof(Word)) {
    *reinterpret_cast<Word*>(to + at) = __atomic_load_n(reinterpret_cast<const Word*>(from + at), __ATOMIC_ACQUIRE);
  }
}
inline void store_words(const std::byte* from, std::byte* to, std::size_t bytes) {
  using Word [[gnu::may_alias]] = std::uint64_t;
  for (std::size_t at = 0; at < bytes; at += sizeof(Word)) {
    __atomic_store_n(reinterpret_cast<Word*>(to + at), *reinterpret_cast<const Word*>(from + at), __ATOMIC_RELEASE);
  }
}

/// The writer's section; not nested.
class SequenceWrite {
 public:
  explicit SequenceWrite(std::uint32_t& sequence) : sequence_(sequence), next_(sequence + 2) {
    // relaxed: the data stores that follow are releases and carry it.
    std::atomic_ref<std::uint32_t>(sequence_).store(next_ - 1, std::memory_order_relaxed);
  }
  // release: pairs with the reader's first load.
  ~SequenceWrite() { std::atomic_ref<std::uint32_t>(sequence_).store(next_, std::memory_order_release); }
  SequenceWrite(const SequenceWrite&) = delete;
  SequenceWrite& operator=(const SequenceWrite&) = delete;

 private:
  std::uint32_t& sequence_;
  std::uint32_t next_;
};

/// Calls read() until it saw one version, and returns what it returned. read() may see torn data and must survive it.
template <class Read>
auto read_consistently(const std::uint32_t& sequence, Read read) {
  const std::atomic_ref<std::uint32_t> word(const_cast<std::uint32_t&>(sequence));
  for (unsigned attempt = 1;; ++attempt) {
    const std::uint32_t before = word.load(std::memory_order_acquire);  // pairs with ~SequenceWrite
    if ((before & 1) == 0) {
      auto result = read();
      // relaxed: ordered after the acquire loads of the data.
      if (word.load(std::memory_order_relaxed) == before) return result;
    }
    if (attempt % 64 == 0) std::this_thread::yield();  // the writer may have lost its CPU inside its section
  }
}

/// Calls read() once. False when the writer was inside meanwhile; what read() saw is then worthless.
template <class Read>
[[nodiscard]] bool try_read(const std::uint32_t& sequence, Read read) {
  const std::atomic_ref<std::uint32_t> word(const_cast<std::uint32_t&>(sequence));
  const std::uint32_t before = word.load(std::memory_order_acquire);  // pairs with ~SequenceWrite
  if ((before & 1) != 0) return false;
  if (!read()) return false;
  return word.load(std::memory_order_relaxed) == before;  // relaxed: as above
}

}  // namespace tidal::signal
