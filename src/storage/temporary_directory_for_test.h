// A real directory that goes away with its test: LMDB and RocksDB know no other files.
#pragma once

#include <stdlib.h>

#include <cstdlib>
#include <string>

#include "base/file_system.h"

namespace tidal::storage {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const char* root = std::getenv("TMPDIR");
    path_ = std::string(root == nullptr ? "/tmp" : root) + "/tidal-store-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TemporaryDirectory() { static_cast<void>(base::posix_file_system().remove_all(path_)); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] std::string child(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace tidal::storage
