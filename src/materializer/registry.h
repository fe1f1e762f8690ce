// All active views in the order in which they take events: fan-out, checkpoint and restore, digest.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "materializer/materializer.h"

namespace tidal::materializer {

/// Fills in the ids of an event before the fan-out: key map and schema lookups happen once, here.
class EventResolver {
 public:
  virtual ~EventResolver() = default;
  /// Starts the events' ids: what can be told now and holds until they are resolved. Of several events it also fetches
  /// what resolve() will read.
  virtual void look_ahead(std::span<wal::WalEvent> events) noexcept = 0;
  /// Gives new keys their ordinals, and decides whether the record is void. Same answer live and on replay.
  virtual void resolve(wal::WalEvent& event) noexcept = 0;
};

/// One view's digest line.
struct ViewDigest {
  std::string view;
  std::string hex;  ///< 32 hex digits
  std::uint64_t pairs = 0;
};

/// Order of registration is order of application. Threads: as Materializer.
class Registry {
 public:
  /// Names must be unique.
  void add(std::unique_ptr<Materializer> view);
  /// A root: what the resolver and other views read as of an event. Before the others.
  void add_root(std::unique_ptr<Materializer> view);
  /// The first part of every apply; must be set before the first one.
  void set_resolver(EventResolver* resolver) { resolver_ = resolver; }

  /// Resolves each event, then hands it to every view. At most kEventGroup events, in seqno order. Each view but the
  /// roots takes all events at once between two that change what views read of the roots: its code and what it fetched
  /// are then near.
  void apply(std::span<wal::WalEvent> events) noexcept;
  void apply(wal::WalEvent& event) noexcept { apply({&event, 1}); }

  [[nodiscard]] const std::vector<std::unique_ptr<Materializer>>& views() const { return views_; }
  [[nodiscard]] Materializer* find(std::string_view name) const;
  /// Puts `view` into the place of the one with its name and answers that one. There must be one.
  [[nodiscard]] std::unique_ptr<Materializer> replace(std::unique_ptr<Materializer> view);
  /// Takes the view out. There must be one with that name.
  [[nodiscard]] std::unique_ptr<Materializer> release(std::string_view name);
  /// Replay starts after this: the smallest applied() of all views.
  [[nodiscard]] SeqNo min_applied() const;
  void reset_all();

  [[nodiscard]] std::vector<ViewDigest> digest_by_view() const;

 private:
  using Views = std::span<const std::unique_ptr<Materializer>>;
  void resolve_into(std::span<wal::WalEvent> events, Views views) noexcept;

  std::vector<std::unique_ptr<Materializer>> views_;
  std::size_t roots_ = 0;  // the first ones
  EventResolver* resolver_ = nullptr;
};

/// The digest of one view, and of all of them together (over the by-view lines).
[[nodiscard]] ViewDigest digest_of(const Materializer& view);
[[nodiscard]] std::string combined_digest(const std::vector<ViewDigest>& views);

}  // namespace tidal::materializer
