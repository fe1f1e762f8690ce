// The operating system's files, and a process that kills itself at a chosen operation on them.
//
// A killed process loses no byte that it handed to the system: this shows what a crash of the program leaves, on real
// files, as base::MemoryFileSystem shows what a power cut leaves.
// Threads: as the file system below; `judge` is called on the thread of the operation.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/memory_file_system.h"

namespace tidal::sim {

enum class Sentence : std::uint8_t { Live, DieBefore, DieInside, DieAfter };

class KillingFileSystem final : public base::FileSystem {
 public:
  /// Asks `judge` before every operation that changes something. `below` outlives this.
  using Judge = std::function<Sentence(const base::FileOperation&)>;
  KillingFileSystem(base::FileSystem& below, Judge judge) : below_(below), judge_(std::move(judge)) {}

  Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override;
  Status create_directories(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) const override { return below_.list(path); }
  bool exists(const std::string& path) const override { return below_.exists(path); }
  bool is_directory(const std::string& path) const override { return below_.is_directory(path); }
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_all(const std::string& path) override;
  Result<std::unique_ptr<base::FileLock>> lock(const std::string& path) override { return below_.lock(path); }
  Result<std::unique_ptr<base::FileLock>> lock_existing(const std::string& path) override {
    return below_.lock_existing(path);
  }

 private:
  class KillingFile;
  /// Runs `whole`, or `part` of it, or neither, and dies when that is the sentence.
  template <class Whole, class Part>
  auto carry_out(const base::FileOperation& operation, const Whole& whole, const Part& part) const;

  base::FileSystem& below_;
  Judge judge_;
};

}  // namespace tidal::sim
