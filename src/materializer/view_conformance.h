// What every view must pass whatever it holds, over a history of events. For tests.
//
// Checked: a fresh replay gives the same digest; twice = once (M2); checkpoint + rest = live (M3), at several seqnos;
// an image written after later events is the image of its moment; every strict prefix of an image is Corruption and
// leaves the view reset; damage in the middle never does harm. Threads: externally synchronized.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "materializer/key_names.h"
#include "materializer/materializer.h"
#include "materializer/registry.h"

namespace tidal::materializer {

/// Events that own their bytes, numbered from 1.
class History {
 public:
  /// The caller fills in ids and the rest.
  wal::WalEvent& add(wal::RecordType type, Timestamp at, std::string payload = {}) {
    strings_.push_back(std::move(payload));
    wal::WalEvent event;
    event.seqno = SeqNo{events_.size() + 1};
    event.append_time = at;
    event.record.type = type;
    event.record.event_time = at;
    event.record.payload = strings_.back();
    return events_.emplace_back(event);
  }
  [[nodiscard]] const std::deque<wal::WalEvent>& events() const { return events_; }

 private:
  std::deque<std::string> strings_;
  std::deque<wal::WalEvent> events_;
};

/// Keys "item 7", "user 0" … for ordinals below a limit.
class NumberedKeys final : public KeyNames {
 public:
  explicit NumberedKeys(std::uint32_t limit) : limit_(limit) {}
  [[nodiscard]] std::string_view key_of(EntityKind kind, Ordinal ordinal) const override {
    if (to_index(ordinal) >= limit_) return {};
    std::string& name = names_[{kind, ordinal}];
    if (name.empty()) name = std::string(kind_name(kind)) + " " + std::to_string(to_index(ordinal));
    return name;
  }

 private:
  std::uint32_t limit_;
  mutable std::map<std::pair<EntityKind, Ordinal>, std::string> names_;
};

/// A view with whatever it reads from, all empty at first.
class ViewWorld {
 public:
  virtual ~ViewWorld() = default;
  [[nodiscard]] virtual Materializer& view() = 0;
  /// Hands the event to what stands before the view.
  virtual void apply_before(const wal::WalEvent& event) = 0;
  void apply(const wal::WalEvent& event) {
    apply_before(event);
    view().apply(event);
  }
  [[nodiscard]] std::string digest() { return digest_of(view()).hex; }
};

using MakeWorld = std::function<std::unique_ptr<ViewWorld>()>;

/// The image a view would write now.
[[nodiscard]] inline std::string image_of(Materializer& view) {
  std::string out;
  return view.checkpoint()->write_to(out).ok() ? out : std::string("write_to failed");
}

/// "" when a damaged image does what it should.
[[nodiscard]] inline std::string check_damage(ViewWorld& world, const std::string& image, const std::string& empty) {
  for (std::size_t i = 0; i < 40; ++i) {
    const std::size_t length = image.size() * i / 40;
    const Status cut = world.view().restore(std::string_view(image).substr(0, length), SeqNo{1});
    if (cut.ok()) return "a prefix of " + std::to_string(length) + " bytes was accepted";
    if (cut.error().code != Code::Corruption) return "a prefix gave " + cut.error().to_string();
    if (world.digest() != empty) return "a refused image left something behind";
  }
  for (std::size_t i = 0; i < 200 && !image.empty(); ++i) {
    std::string damaged = image;
    // Spread over the image, and densely over its first bytes, where lengths are.
    const std::size_t at = i % 2 == 0 ? (i / 2) % damaged.size() : i * 7919 % damaged.size();
    damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 + i * 37 % 255));
    const Status s = world.view().restore(damaged, SeqNo{1});
    if (!s.ok() && s.error().code != Code::Corruption) return "damage gave " + s.error().to_string();
    (void)world.digest();  // what was accepted can be walked
  }
  return {};
}

/// "" when the view passes, else what failed.
[[nodiscard]] inline std::string check_view(const MakeWorld& make, const History& history) {
  const auto live = make();
  const std::string empty = live->digest();
  for (const auto& e : history.events()) live->apply(e);
  const std::string expected = live->digest();

  const auto twice = make();
  for (const auto& e : history.events()) {
    twice->apply(e);
    twice->view().apply(e);
  }
  if (twice->digest() != expected) return "twice differs from once";

  const std::size_t count = history.events().size();
  for (std::size_t part = 0; part <= 4; ++part) {
    const std::size_t cut = count * part / 4;
    const auto before = make();
    const auto after = make();
    for (std::size_t i = 0; i < cut; ++i) {
      before->apply(history.events()[i]);
      after->apply_before(history.events()[i]);
    }
    const std::string image = image_of(before->view());
    const std::string at_cut = before->digest();
    const auto detached = before->view().checkpoint();
    for (std::size_t i = cut; i < count; ++i) before->apply(history.events()[i]);
    if (std::string late; !detached->write_to(late).ok() || late != image) return "a detached image followed the view";
    if (const Status s = after->view().restore(image, SeqNo{cut}); !s.ok()) {
      return "restore at " + std::to_string(cut) + ": " + s.error().to_string();
    }
    if (after->digest() != at_cut) return "restored state differs at " + std::to_string(cut);
    if (image_of(after->view()) != image) return "the image of the restored state differs at " + std::to_string(cut);
    for (std::size_t i = cut; i < count; ++i) after->apply(history.events()[i]);
    if (after->digest() != expected) return "checkpoint at " + std::to_string(cut) + " + replay differs from live";
  }

  const std::string image = image_of(live->view());
  const std::string damage = check_damage(*live, image, empty);
  if (!damage.empty()) return damage;
  live->view().reset();
  if (live->digest() != empty) return "reset leaves something behind";
  return {};
}

}  // namespace tidal::materializer
