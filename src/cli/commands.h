// Every command of the program: what it takes and the function that runs it.
//
// The functions write answers to terminal.out, the rest to terminal.err, and return the exit code; they never exit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/reply_text.h"
#include "cli/terminal.h"
#include "tidal/db.h"

namespace tidal::cli {

/// What every command understands.
struct CommonOptions {
  std::string clock;               ///< "" the system's, "events", or a time
  std::uint64_t memory_limit = 0;  ///< bytes; 0 none
};

struct InitOptions {
  std::string directory;
  std::string template_name;  ///< one of db::starting_schemas(), or ""
  std::string schema_path;    ///< "" none
};
[[nodiscard]] Exit run_init(const Terminal& terminal, const CommonOptions& common, const InitOptions& options);

struct ExecOptions {
  std::vector<std::string> arguments;  ///< [DIR] ['statements']
  std::string file;                    ///< statements from here; "" none
  Format format = Format::Table;
  bool keep_going = false;
  std::vector<std::string> params;  ///< name=value
};
[[nodiscard]] Exit run_exec(const Terminal& terminal, const CommonOptions& common, const ExecOptions& options);

struct ShellOptions {
  std::string directory;  ///< "" memory
};
[[nodiscard]] Exit run_shell(const Terminal& terminal, const CommonOptions& common, const ShellOptions& options);

struct ImportCommandOptions {
  std::string directory;
  std::vector<std::string> files;
  std::vector<std::string> maps;
  bool as_is = false;
  std::string created_at;  ///< "" or "now"
  std::uint64_t rejects_max = 1000;
  std::string rejects_path;
};
[[nodiscard]] Exit run_import(const Terminal& terminal, const CommonOptions& common,
                              const ImportCommandOptions& options);

struct ExportOptions {
  std::string directory;
  std::string what = "all";  ///< schema, entities, signals, all
  std::string out;           ///< a folder; "" stdout
};
[[nodiscard]] Exit run_export(const Terminal& terminal, const ExportOptions& options);

struct DirectoryOptions {
  std::string directory;
  bool by_view = false;  ///< of digest
};
[[nodiscard]] Exit run_status(const Terminal& terminal, const CommonOptions& common, const DirectoryOptions& options);
struct RebuildOptions {
  std::string directory;
  std::string view;  ///< "": all that can be rebuilt
};
[[nodiscard]] Exit run_rebuild(const Terminal& terminal, const CommonOptions& common, const RebuildOptions& options);
[[nodiscard]] Exit run_compact(const Terminal& terminal, const CommonOptions& common, const DirectoryOptions& options);
[[nodiscard]] Exit run_verify(const Terminal& terminal, const DirectoryOptions& options);
[[nodiscard]] Exit run_digest(const Terminal& terminal, const CommonOptions& common, const DirectoryOptions& options);

struct RepairCommandOptions {
  std::string directory;
  bool yes = false;  ///< do not ask
};
[[nodiscard]] Exit run_repair(const Terminal& terminal, const RepairCommandOptions& options);

struct BackupCommandOptions {
  std::string directory;  ///< of the database
  std::string backup;     ///< of the backup
  bool without_archive = false;
};
[[nodiscard]] Exit run_backup(const Terminal& terminal, const CommonOptions& common,
                              const BackupCommandOptions& options);

struct RestoreCommandOptions {
  std::string backup;
  std::string directory;               ///< of the database
  std::optional<std::uint64_t> seqno;  ///< at most one of the two
  std::string time;                    ///< "" none
  std::string erasures_of;             ///< "" none
  bool without_erasures = false;       ///< not both
};
[[nodiscard]] Exit run_restore(const Terminal& terminal, const RestoreCommandOptions& options);

struct WalOptions {
  std::string directory;
  std::uint64_t from = 1;   ///< first seqno to print
  std::uint64_t limit = 0;  ///< records to print; 0: all
};
[[nodiscard]] Exit run_wal_dump(const Terminal& terminal, const WalOptions& options);
[[nodiscard]] Exit run_wal_stats(const Terminal& terminal, const WalOptions& options);
[[nodiscard]] Exit run_inspect(const Terminal& terminal, const std::string& path);

struct DemoOptions {
  std::string data;       ///< a folder with MovieLens' movies.csv and ratings.csv; "" generated items in memory
  std::string directory;  ///< of the database; "": DATA/demo.db
};
[[nodiscard]] Exit run_demo(const Terminal& terminal, const CommonOptions& common, const DemoOptions& options);

struct BenchCommandOptions {
  std::string name = "all";  ///< one of bench_cases(), or all
  std::uint64_t items = 1'000'000;
  std::uint64_t seconds = 2;
  std::uint64_t rounds = 3;
  std::string directory;  ///< the disk to measure; "" the system's folder for temporary files
  std::string json;       ///< "" none
};
[[nodiscard]] Exit run_bench(const Terminal& terminal, const BenchCommandOptions& options);

/// "tidal 0.1.0"
[[nodiscard]] std::string version_text();
[[nodiscard]] Exit run_version(const Terminal& terminal);
/// For commands that a later version brings.
[[nodiscard]] Exit run_unavailable(const Terminal& terminal, const std::string& command);

}  // namespace tidal::cli
