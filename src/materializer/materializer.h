// The boundary between the event stream and derived state: a Materializer turns durable events into a view.
//
// M1: a view's state is a function of the events it was given, in seqno order, and of nothing else.
// M2: apply() of an event at or below applied() changes nothing (twice = once).
// M3: restore(checkpoint at S) + the events after S = the state without the checkpoint.
// M4: on_event cannot fail: everything that could be refused was refused before the event was appended.
// M5: an Erase record means erase_user() of its subject to every view, whatever on_event() does with it.
// M6: an image of an older logic version that a view reads gives the state its present logic goes on from.
// M7: a view that may begin at a base, because the program that wrote it had no such view, knows of the records up to
//     the base only what the roots still tell.
// Threads: apply, checkpoint, restore, reset and erase_user come from one thread at a time (the applier's);
// a view's const reads may run beside them unless it says otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tidal/result.h"
#include "tidal/types.h"
#include "wal/record.h"

namespace tidal::materializer {

/// Collects one view's logical state as (key, value) pairs; the order of the pairs does not matter.
/// The digest is the sum modulo 2^128 of XXH3-128 over each pair, so that no view has to sort.
class DigestSink {
 public:
  virtual ~DigestSink() = default;
  /// `key`: application keys and names, never ordinals. `value`: canonical bytes (floats by bit pattern).
  virtual void add(std::string_view key, std::string_view value) = 0;
};

/// A view's state at one seqno, detached from the live view; written by a background thread.
class CheckpointImage {
 public:
  virtual ~CheckpointImage() = default;
  /// Appends the image's bytes. The caller frames and checksums them.
  [[nodiscard]] virtual Status write_to(std::string& out) const = 0;
};

/// An image that is already bytes.
class BytesImage final : public CheckpointImage {
 public:
  explicit BytesImage(std::string bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] Status write_to(std::string& out) const override {
    out += bytes_;
    return {};
  }

 private:
  std::string bytes_;
};

/// An image that a view's own capture writes.
template <class Capture>
class CapturedImage final : public CheckpointImage {
 public:
  explicit CapturedImage(std::unique_ptr<Capture> capture) : capture_(std::move(capture)) {}
  [[nodiscard]] Status write_to(std::string& out) const override {
    if constexpr (requires { capture_->encode(); }) {
      out += capture_->encode();
      return {};
    } else {
      return capture_->write(out);  // to a store, too
    }
  }

 private:
  std::unique_ptr<Capture> capture_;
};
template <class Capture>
[[nodiscard]] std::unique_ptr<CheckpointImage> image_of(std::unique_ptr<Capture> capture) {
  return std::make_unique<CapturedImage<Capture>>(std::move(capture));
}

/// Partition key of the state a view holds; maps to partition boundaries (docs/concurrency.md).
enum class ViewScope : std::uint8_t { Global, Cohort, User, Relationship };

/// Whether a view holds something about single users that an erasure must remove.
enum class Privacy : std::uint8_t { Personal, Aggregate };

class Materializer {
 public:
  virtual ~Materializer() = default;

  /// Unique, lower_snake; names the checkpoint file and the digest line.
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual ViewScope scope() const = 0;
  [[nodiscard]] virtual Privacy privacy() const = 0;
  /// Raised whenever the same events would give another state or another image; older checkpoints are then dropped.
  [[nodiscard]] virtual std::uint32_t logic_version() const = 0;
  /// The oldest logic version whose images the view still reads (M6): a base is truth, and the log before it may be
  /// gone.
  [[nodiscard]] virtual std::uint32_t oldest_image_version() const { return logic_version(); }

  /// M7: of views that lack nothing by it, or whose users prefer a late beginning to none.
  [[nodiscard]] virtual bool may_begin_at_base() const { return false; }

  /// Applies one durable event (M2, M4).
  void apply(const wal::WalEvent& event) noexcept {
    if (event.seqno <= applied_) return;
    if (event.ids.is_void) {
      on_void(event);
    } else {
      if (event.record.type == wal::RecordType::Erase) erase_user(event.ids.subject);
      on_event(event);
    }
    applied_ = event.seqno;
  }
  /// Fetches memory that applying these events will touch; their ids may still be missing where a key is new or the
  /// event is void. A hint: without it the state is the same, later.
  virtual void prefetch(std::span<const wal::WalEvent> /*events*/) const noexcept {}
  /// The last event in the state.
  [[nodiscard]] SeqNo applied() const { return applied_; }

  /// Detaches the state as of applied(). Writers wait meanwhile: copy little, encode in write_to.
  [[nodiscard]] virtual std::unique_ptr<CheckpointImage> checkpoint() = 0;
  /// Replaces the state by an image taken at `seqno`. Corruption leaves the view reset.
  [[nodiscard]] Status restore(std::string_view image, SeqNo seqno) { return restore(image, seqno, logic_version()); }
  /// The same with an image of `image_version`, which lies from oldest_image_version() to logic_version().
  [[nodiscard]] Status restore(std::string_view image, SeqNo seqno, std::uint32_t image_version) {
    reset();
    applied_ = seqno;
    Status read = image_version == logic_version() ? on_restore(image) : on_restore_older(image, image_version);
    if (!read.ok()) reset();
    return read;
  }
  /// M7: takes the state of a view that begins at `seqno`, to which the roots have been restored.
  [[nodiscard]] Status begin(SeqNo seqno) {
    reset();
    applied_ = seqno;
    Status begun = on_begin();
    if (!begun.ok()) reset();
    return begun;
  }
  /// Back to the state before the first event.
  void reset() {
    on_reset();
    applied_ = SeqNo{};
  }

  /// Adds every piece of logical state, caches left out.
  virtual void digest(DigestSink& sink) const = 0;

  /// Removes the user's part of a personal view; a no-op in aggregate ones. Called for an Erase record (M5).
  virtual void erase_user(Ordinal user) noexcept = 0;

  /// Bytes of memory held, roughly; for status.
  [[nodiscard]] virtual std::size_t memory_bytes() const = 0;

 protected:
  virtual void on_event(const wal::WalEvent& event) noexcept = 0;
  /// Of a void record only the time counts, and only in a view that measures by append times.
  virtual void on_void(const wal::WalEvent& /*event*/) noexcept {}
  /// applied() is already the seqno of the image.
  [[nodiscard]] virtual Status on_restore(std::string_view image) = 0;
  /// Reads an image as the logic of `image_version` wrote it (M6); of a view whose oldest_image_version() says so.
  [[nodiscard]] virtual Status on_restore_older(std::string_view /*image*/, std::uint32_t image_version) {
    return Error(Code::Internal, "no code reads images of logic " + std::to_string(image_version));
  }
  virtual void on_reset() = 0;
  /// Of the reset view; empty unless it has something to read of the roots.
  [[nodiscard]] virtual Status on_begin() { return {}; }

 private:
  SeqNo applied_;
};

}  // namespace tidal::materializer
