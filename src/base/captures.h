// What a writer replaces while somebody reads the state of an earlier moment: copy on write, cell by cell.
//
// A capture begins in O(1). From then on the writer saves a cell's value before it first changes the cell; the reader
// reads cells as they are now and then asks what was saved.
// S1: a cell's value at the capture's moment is the saved one if there is one, else any value that was read before
//     asking. For what a reader saw changed was saved before: the change follows the saving lock, which the reader's
//     lock, taken after its look, cannot precede.
// Threads: one writer. begin() while the writer waits; a Capture may be read and destroyed on any one thread, while the
// Captures it came from live.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace tidal::base {

template <class Value>
class Captures {
  using Saved = std::unordered_map<std::uint64_t, Value>;

 public:
  Captures() = default;
  Captures(const Captures&) = delete;
  Captures& operator=(const Captures&) = delete;

  /// One moment. Empty after a move.
  class Capture {
   public:
    Capture(Capture&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), saved_(std::exchange(other.saved_, nullptr)) {}
    Capture& operator=(Capture&&) = delete;
    ~Capture() {
      if (owner_ != nullptr) owner_->end(saved_);
    }
    /// What the cell held at the moment, if it has changed since.
    [[nodiscard]] std::optional<Value> saved(std::uint64_t cell) const {
      const MutexLock lock(owner_->mutex_);
      const auto it = saved_->find(cell);
      return it == saved_->end() ? std::nullopt : std::optional<Value>(it->second);
    }
    /// visit(cell, value) for every cell that has changed since.
    template <class Visit>
    void for_each_saved(Visit visit) const {
      const MutexLock lock(owner_->mutex_);
      for (const auto& [cell, value] : *saved_) visit(cell, value);
    }

   private:
    friend class Captures;
    Capture(Captures* owner, Saved* saved) : owner_(owner), saved_(saved) {}
    Captures* owner_;
    Saved* saved_;
  };

  [[nodiscard]] Capture begin() {
    const MutexLock lock(mutex_);
    open_.push_back(std::make_unique<Saved>());
    // relaxed: the writer waits, and what lets it go on orders this before its next look.
    count_.store(open_.size(), std::memory_order_relaxed);
    return Capture(this, open_.back().get());
  }

  /// The writer's, before it changes the cell; read() gives the value so far. Without a capture: one relaxed load.
  template <class Read>
  void before_change(std::uint64_t cell, Read read) {
    if (count_.load(std::memory_order_relaxed) != 0) save(cell, read);
  }

 private:
  template <class Read>
  void save(std::uint64_t cell, Read read) {
    const MutexLock lock(mutex_);
    for (const auto& saved : open_) {
      if (!saved->contains(cell)) saved->emplace(cell, read());
    }
  }
  void end(const Saved* saved) {
    std::unique_ptr<Saved> dropped;  // destroyed outside the lock
    const MutexLock lock(mutex_);
    const auto it = std::find_if(open_.begin(), open_.end(), [saved](const auto& s) { return s.get() == saved; });
    dropped = std::move(*it);
    open_.erase(it);
    count_.store(open_.size(), std::memory_order_relaxed);
  }

  Mutex mutex_;
  std::vector<std::unique_ptr<Saved>> open_ TIDAL_GUARDED_BY(mutex_);
  std::atomic<std::size_t> count_{0};
};

}  // namespace tidal::base
