// How far each import has come: the view that makes an import run twice change nothing.
//
// A batch of an import carries (import id, position of its last line) in the extension of its last record, so a
// position is in the view exactly when every line up to it is in the log.
// Threads: single writer; position() may be called from any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "materializer/materializer.h"

namespace tidal::db {

inline constexpr std::size_t kImportIdBytes = 32;

[[nodiscard]] std::string encode_import_mark(std::string_view id, std::uint64_t position);

class ImportMarks final : public materializer::Materializer {
 public:
  /// 0 when nothing of that import is in the log.
  [[nodiscard]] std::uint64_t position(std::string_view id) const;

  [[nodiscard]] std::string_view name() const override { return "import_marks"; }
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

  mutable base::Mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> positions_ TIDAL_GUARDED_BY(mutex_);
};

}  // namespace tidal::db
