// The schema view: every version the log has declared, the newest of which everything is validated against.
//
// Materializer "schema". Threads: single writer, concurrent readers; current() is one atomic load.
// The digest holds the definitions in force and their order; how many versions led there is not part of it, so that an
// export imported into another database agrees.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "materializer/materializer.h"
#include "schema/change_codec.h"  // IWYU pragma: export
#include "schema/current_schema.h"
#include "schema/schema.h"
#include "schema/statements.h"  // IWYU pragma: export

namespace tidal::schema {

/// When a version came into force, for SHOW SCHEMA CHANGES.
struct VersionEntry {
  std::shared_ptr<const Schema> schema;
  SeqNo seqno;
  Timestamp at;
};

class Catalog final : public materializer::Materializer, public CurrentSchema {
 public:
  Catalog();
  ~Catalog() override;

  /// The newest version; never null. The reference stays valid for the catalog's life (versions are kept for ever).
  [[nodiscard]] const Schema& current() const override { return *current_.load(std::memory_order_acquire); }
  /// nullptr when that version never existed.
  [[nodiscard]] std::shared_ptr<const Schema> version(std::uint32_t n) const;
  [[nodiscard]] std::vector<VersionEntry> versions() const;

  [[nodiscard]] std::string_view name() const override { return "schema"; }
  [[nodiscard]] materializer::ViewScope scope() const override { return materializer::ViewScope::Global; }
  [[nodiscard]] materializer::Privacy privacy() const override { return materializer::Privacy::Aggregate; }
  [[nodiscard]] std::uint32_t logic_version() const override { return 1; }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override;
  void digest(materializer::DigestSink& sink) const override;
  void erase_user(Ordinal) noexcept override {}
  [[nodiscard]] std::size_t memory_bytes() const override;

 private:
  void on_event(const wal::WalEvent& event) noexcept override;
  [[nodiscard]] Status on_restore(std::string_view image) override;
  void on_reset() override;

  /// Makes the next version from a record's payload. Corruption leaves everything as it was.
  [[nodiscard]] Status take(SeqNo seqno, Timestamp at, std::string_view payload);

  struct Versions;
  std::unique_ptr<Versions> versions_;  // guarded inside: readers of history take a lock, current() does not
  std::atomic<const Schema*> current_;
};

}  // namespace tidal::schema
