// Asking for the sentence and carrying it out.
#include "test/sim/killing_file_system.h"

#include <signal.h>
#include <unistd.h>

#include <utility>

namespace tidal::sim {
namespace {

using Kind = base::FileOperation::Kind;

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  while (true) ::pause();
}

void nothing() {}

}  // namespace

template <class Whole, class Part>
auto KillingFileSystem::carry_out(const base::FileOperation& operation, const Whole& whole, const Part& part) const {
  const Sentence sentence = judge_(operation);
  if (sentence == Sentence::DieBefore) die();
  if (sentence == Sentence::DieInside) {
    part();
    die();
  }
  auto result = whole();
  if (sentence == Sentence::DieAfter) die();
  return result;
}

class KillingFileSystem::KillingFile final : public base::File {
 public:
  KillingFile(const KillingFileSystem& fs, std::string path, std::unique_ptr<base::File> below)
      : fs_(fs), path_(std::move(path)), below_(std::move(below)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return below_->read_at(offset, out);
  }
  Status write_at(std::uint64_t offset, base::Bytes data) override {
    return fs_.carry_out(
        {.kind = Kind::Write, .path = path_, .offset = offset, .data = data},
        [&] { return below_->write_at(offset, data); },
        [&] { static_cast<void>(below_->write_at(offset, data.first(data.size() / 2))); });
  }
  Status reserve(std::uint64_t bytes) override { return below_->reserve(bytes); }
  Status sync() override {
    return fs_.carry_out(
        {.kind = Kind::Sync, .path = path_}, [&] { return below_->sync(); }, nothing);
  }
  Result<std::uint64_t> size() const override { return below_->size(); }
  Status truncate(std::uint64_t size) override {
    return fs_.carry_out(
        {.kind = Kind::Truncate, .path = path_, .offset = size}, [&] { return below_->truncate(size); }, nothing);
  }

 private:
  const KillingFileSystem& fs_;
  const std::string path_;
  const std::unique_ptr<base::File> below_;
};

Result<std::unique_ptr<base::File>> KillingFileSystem::open(const std::string& path, base::OpenMode mode) {
  const auto below = [&]() -> Result<std::unique_ptr<base::File>> {
    TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, below_.open(path, mode));
    return std::unique_ptr<base::File>(std::make_unique<KillingFile>(*this, path, std::move(file)));
  };
  return mode == base::OpenMode::Create ? carry_out({.kind = Kind::Create, .path = path}, below, nothing) : below();
}

Status KillingFileSystem::create_directories(const std::string& path) {
  const auto below = [&] { return below_.create_directories(path); };
  if (below_.is_directory(path)) return below();
  return carry_out({.kind = Kind::CreateDirectory, .path = path}, below, nothing);
}

Status KillingFileSystem::sync_directory(const std::string& path) {
  return carry_out(
      {.kind = Kind::SyncDirectory, .path = path}, [&] { return below_.sync_directory(path); }, nothing);
}

Status KillingFileSystem::rename(const std::string& from, const std::string& to) {
  return carry_out(
      {.kind = Kind::Rename, .path = to}, [&] { return below_.rename(from, to); }, nothing);
}

Status KillingFileSystem::remove(const std::string& path) {
  return carry_out(
      {.kind = Kind::Remove, .path = path}, [&] { return below_.remove(path); }, nothing);
}

Status KillingFileSystem::remove_all(const std::string& path) {
  const auto below = [&] { return below_.remove_all(path); };
  if (!below_.exists(path)) return below();
  return carry_out({.kind = Kind::RemoveAll, .path = path}, below, [&] {
    const Result<std::vector<std::string>> names = below_.list(path);
    for (std::size_t i = 0; names.ok() && i < names->size(); i += 2) {
      static_cast<void>(below_.remove(path + "/" + (*names)[i]));
    }
  });
}

}  // namespace tidal::sim
