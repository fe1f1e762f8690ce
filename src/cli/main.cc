// The program `tidal`: its arguments, and the command each of them calls. The only place that knows CLI11.
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <new>
#include <string>
#include <vector>

#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/completions.h"
#include "cli/interrupt.h"
#include "cli/open_database.h"
#include "db/offline/script_text.h"
#include "db/offline/starting_schema.h"

namespace tidal::cli {
namespace {

const std::map<std::string, Format> kFormats = {
    {"csv", Format::Csv}, {"json", Format::Json}, {"jsonl", Format::Jsonl}, {"table", Format::Table}};

/// Everything the arguments can say, and what is to be done about it.
struct Arguments {
  CommonOptions common;
  bool quiet = false;
  InitOptions init;
  ExecOptions exec;
  ShellOptions shell;
  ImportCommandOptions import;
  ExportOptions exporting;
  DirectoryOptions directory;
  RebuildOptions rebuild;
  RepairCommandOptions repair;
  BackupCommandOptions backup;
  RestoreCommandOptions restore;
  WalOptions wal;
  DemoOptions demo;
  BenchCommandOptions bench;
  std::string file;
  std::string by;
  std::vector<std::string> help_about;
  std::string format = "table";
  std::string completions_shell;
  std::map<const CLI::Option*, std::vector<std::string>> choices;  ///< of options that take one of a few words
  std::function<Exit(const Terminal&)> run;
};

/// "a, b or c"
std::string alternatives(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    text += i == 0 ? "" : i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

/// " (did you mean 'import'?)", or "".
std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const std::string nearest = db::nearest_word(word, known);
  return nearest.empty() ? "" : " (did you mean '" + nearest + "'?)";
}

/// The option takes one of these words.
CLI::Option* one_of(Arguments& arguments, CLI::Option* option, std::vector<std::string> words) {
  arguments.choices[option] = words;
  const auto check = [words = std::move(words)](std::string& text) -> std::string {
    if (std::find(words.begin(), words.end(), text) != words.end()) return "";
    return "expected " + alternatives(words) + ", got '" + text + "'" + suggestion(text, words);
  };
  return option->check(CLI::Validator(check, ""));
}

std::string clock_defect(std::string& text) {
  if (text.empty()) return "expected a time such as 2026-11-22T12:00Z, or events, got ''";
  const Result<Options> options = database_options({.clock = text});
  return options.ok() ? "" : options.error().message;
}

/// CLI11 takes -1 and all that is too large for the largest number.
std::string count_defect(std::string& text) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc() && end == text.data() + text.size()) return "";
  return "expected a whole number from 0 to " + std::to_string(kLargest) + ", got '" + text + "'";
}

std::string size_defect(std::string& text) {
  if (!text.starts_with('-')) return "";
  return "expected a size such as 4GiB, got '" + text + "'";
}

CLI::Option* count(CLI::Option* option) { return option->check(CLI::Validator(count_defect, "")); }

CLI::App* add_command(CLI::App& app, Arguments& arguments, const std::string& name, const std::string& about,
                      const std::string& example, std::function<Exit(const Terminal&)> run) {
  CLI::App* command = app.add_subcommand(name, about);
  command->footer("Example:\n" + example);
  command
      ->add_option("--clock", arguments.common.clock,
                   "Answer as if it were this time (2026-11-22T12:00Z), or 'events': the newest event's time")
      ->check(CLI::Validator(clock_defect, ""));
  command
      ->add_option("--memory-limit", arguments.common.memory_limit, "Refuse writes once the views hold so much (4GiB)")
      ->transform(CLI::AsSizeValue(false))
      ->transform(CLI::Validator(size_defect, ""));  // runs first: the other one takes -1 for the largest size
  command->add_flag("-q,--quiet", arguments.quiet, "No progress, timings or advice");
  command->callback([&arguments, run = std::move(run)] { arguments.run = run; });
  return command;
}

void add_writing(CLI::App& app, Arguments& a) {
  CLI::App* init = add_command(app, a, "init", "Make a database", "  tidal init tube.db --template video",
                               [&a](const Terminal& t) { return run_init(t, a.common, a.init); });
  init->add_option("DIR", a.init.directory, "Folder to make")->required();
  std::vector<std::string> templates;
  for (const db::StartingSchema& each : db::starting_schemas()) templates.emplace_back(each.name);
  CLI::Option* ready =
      init->add_option("--template", a.init.template_name, "A ready schema: " + alternatives(templates));
  one_of(a, ready, templates);
  init->add_option("--schema", a.init.schema_path, "A file of DEFINE statements")->excludes(ready);

  CLI::App* import = add_command(app, a, "import", "Read JSON lines, CSV or TSV, plain or compressed, into a database",
                                 "  tidal import shop.db catalogue.jsonl events.jsonl.zst\n"
                                 "  tidal import shop.db ratings.csv --map "
                                 "'signal:kind=rating,user=userId,item=movieId,value=rating,at=timestamp:unix'",
                                 [&a](const Terminal& t) { return run_import(t, a.common, a.import); });
  import->add_option("DIR", a.import.directory, "The database")->required();
  import->add_option("FILE", a.import.files, "What to read; reading a file twice changes nothing")->required();
  import
      ->add_option("--map", a.import.maps,
                   "What the columns of a table mean; may be given several times. Without it tidal guesses")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  import->add_flag("--as-is", a.import.as_is, "Keep the order of the lines instead of the order of event times");
  one_of(a,
         import->add_option("--created-at", a.import.created_at,
                            "'now': entities without created_at are as old as this import"),
         {"now"});
  count(import->add_option("--max-rejects", a.import.rejects_max, "Stop after so many bad lines"))
      ->capture_default_str();
  import->add_option("--rejects", a.import.rejects_path, "Where bad lines are listed (FILE.rejects)");
}

void add_asking(CLI::App& app, Arguments& a) {
  CLI::App* exec = add_command(app, a, "exec", "Run statements and print the replies",
                               "  tidal exec tube.db 'RETRIEVE items SORT BY hot LIMIT 10;' --format json\n"
                               "  tidal exec 'SHOW SORTS;'          (without a folder: in memory)",
                               [&a](const Terminal& t) { return run_exec(t, a.common, a.exec); });
  exec->add_option("ARGUMENTS", a.exec.arguments,
                   "[DIR] ['statements']; one argument is the statements, unless it is a folder")
      ->expected(0, 2);
  std::vector<std::string> formats;
  for (const auto& [name, format] : kFormats) formats.push_back(name);
  one_of(a, exec->add_option("--format", a.format, "table, json or jsonl (one reply a line), csv"), formats);
  exec->add_option("-f,--file", a.exec.file, "Read the statements from a file");
  exec->add_flag("--keep-going", a.exec.keep_going, "Run the statements after an error, too");
  exec->add_option("--param", a.exec.params,
                   "Value of $name: name=value, where 42, true, 30d and 2026-11-22T12:00Z are no texts; "
                   "user='\"42\"' is one")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);

  CLI::App* shell = add_command(app, a, "shell", "Open a prompt", "  tidal shell tube.db --clock events",
                                [&a](const Terminal& t) { return run_shell(t, a.common, a.shell); });
  shell->add_option("DIR", a.shell.directory, "The database; without it one in memory");

  CLI::App* bench = add_command(app, a, "bench", "Measure this machine: ours beside its physical reference",
                                "  tidal bench ingest\n  tidal bench trending --items 100000 --json trending.json",
                                [&a](const Terminal& t) { return run_bench(t, a.bench); });
  one_of(a,
         bench->add_option("CASE", a.bench.name, "ingest, import, replay, trending, mixed, open, or all")->required(),
         {"ingest", "import", "replay", "trending", "mixed", "open", "all"});
  bench->add_option("--items", a.bench.items, "Size of the generated database")->check(CLI::Range(1'000, 100'000'000));
  bench->add_option("--seconds", a.bench.seconds, "Length of a measured round")->check(CLI::Range(1, 3'600));
  bench->add_option("--rounds", a.bench.rounds, "Rounds; medians are printed")->check(CLI::Range(1, 1'000));
  bench->add_option("--dir", a.bench.directory, "Folder on the disk to measure")->check(CLI::ExistingDirectory);
  bench->add_option("--json", a.bench.json, "Write the figures to this file");

  CLI::App* demo = add_command(app, a, "demo", "See it work: a made-up video platform, or MovieLens",
                               "  tidal demo\n  tidal demo --data build/data/movielens",
                               [&a](const Terminal& t) { return run_demo(t, a.common, a.demo); });
  CLI::Option* data = demo->add_option("--data", a.demo.data, "Folder with MovieLens' movies.csv and ratings.csv");
  demo->add_option("--dir", a.demo.directory, "Folder of the database (DATA/demo.db)")->needs(data);
}

void add_upkeep(CLI::App& app, Arguments& a) {
  CLI::App* status = add_command(app, a, "status", "Say what a database holds", "  tidal status tube.db",
                                 [&a](const Terminal& t) { return run_status(t, a.common, a.directory); });
  CLI::App* verify = add_command(app, a, "verify", "Check every checksum; changes nothing", "  tidal verify tube.db",
                                 [&a](const Terminal& t) { return run_verify(t, a.directory); });
  CLI::App* digest = add_command(app, a, "digest", "Hash all logical state", "  tidal digest tube.db --by view",
                                 [&a](const Terminal& t) { return run_digest(t, a.common, a.directory); });
  CLI::App* compact =
      add_command(app, a, "compact", "Archive or remove what the log need not keep", "  tidal compact tube.db",
                  [&a](const Terminal& t) { return run_compact(t, a.common, a.directory); });
  CLI::App* rebuild = add_command(app, a, "rebuild", "Build views anew from the log, beside the ones in service",
                                  "  tidal rebuild tube.db\n  tidal rebuild tube.db --view ledger",
                                  [&a](const Terminal& t) { return run_rebuild(t, a.common, a.rebuild); });
  rebuild->add_option("DIR", a.rebuild.directory, "The database")->required();
  one_of(a, rebuild->add_option("--view", a.rebuild.view, "Only this view"), Database::rebuildable_views());
  for (CLI::App* each : {status, verify, digest, compact}) {
    each->add_option("DIR", a.directory.directory, "The database")->required();
  }
  one_of(a, digest->add_option("--by", a.by, "'view': a line for each view, too"), {"view"});

  CLI::App* repair = add_command(app, a, "repair", "Say what damage cost, then repair it; keeps every damaged file",
                                 "  tidal repair tube.db          (says what is lost, then asks)\n"
                                 "  tidal repair tube.db --yes",
                                 [&a](const Terminal& t) { return run_repair(t, a.repair); });
  repair->add_option("DIR", a.repair.directory, "The database")->required();
  repair->add_flag("--yes", a.repair.yes, "Repair without asking");

  CLI::App* exporting = add_command(app, a, "export", "Write what import reads",
                                    "  tidal export tube.db --out copy     (schema.tidal and data.jsonl)\n"
                                    "  tidal export tube.db --what signals | zstd > signals.jsonl.zst",
                                    [&a](const Terminal& t) { return run_export(t, a.exporting); });
  exporting->add_option("DIR", a.exporting.directory, "The database")->required();
  one_of(a,
         exporting->add_option("--what", a.exporting.what, "schema, entities, signals or all")->capture_default_str(),
         {"schema", "entities", "signals", "all"});
  exporting->add_option("--out", a.exporting.out, "Folder for the files; without it to stdout");
}

std::string time_defect(std::string& text) {
  const Result<Timestamp> time = base::parse_time(text);
  return time.ok() ? "" : time.error().message;
}

void add_backups(CLI::App& app, Arguments& a) {
  CLI::App* backup = add_command(app, a, "backup", "Copy a database whole, checking every frame",
                                 "  tidal backup tube.db /backups/2026-11-22\n"
                                 "  tidal verify /backups/2026-11-22",
                                 [&a](const Terminal& t) { return run_backup(t, a.common, a.backup); });
  backup->add_option("DIR", a.backup.directory, "The database")->required();
  backup->add_option("DEST", a.backup.backup, "A new or an empty folder for the backup")->required();
  backup->add_flag("--without-archive", a.backup.without_archive,
                   "Leave out archived segments: smaller, and reaches less far back");

  CLI::App* restore = add_command(app, a, "restore", "Make a database of a backup, as it was at a record or a time",
                                  "  tidal restore /backups/2026-11-22 tube.db\n"
                                  "  tidal restore /backups/2026-11-22 before.db --time 2026-11-22T11:59Z",
                                  [&a](const Terminal& t) { return run_restore(t, a.restore); });
  restore->add_option("BACKUP", a.restore.backup, "The backup")->required();
  restore->add_option("DIR", a.restore.directory, "A new or an empty folder for the database")->required();
  CLI::Option* seqno = count(restore->add_option("--seqno", a.restore.seqno, "The last record to restore"));
  restore->add_option("--time", a.restore.time, "Restore what had been appended by then (2026-11-22T12:00Z)")
      ->check(CLI::Validator(time_defect, ""))
      ->excludes(seqno);
  CLI::Option* erasures = restore->add_option("--erasures-of", a.restore.erasures_of,
                                              "Forget whom this database or backup has forgotten since, too");
  restore->add_flag("--without-erasures", a.restore.without_erasures, "Bring back users who were forgotten later")
      ->excludes(erasures);
}

void add_looking(CLI::App& app, Arguments& a) {
  CLI::App* wal = app.add_subcommand("wal", "Look into the log");
  wal->require_subcommand(1);
  wal->footer("Example:\n  tidal wal stats tube.db");
  CLI::App* dump =
      add_command(*wal, a, "dump", "Print every record as a line of JSON", "  tidal wal dump tube.db --from 100",
                  [&a](const Terminal& t) { return run_wal_dump(t, a.wal); });
  CLI::App* stats = add_command(*wal, a, "stats", "Segments and kinds of records", "  tidal wal stats tube.db",
                                [&a](const Terminal& t) { return run_wal_stats(t, a.wal); });
  for (CLI::App* each : {dump, stats}) each->add_option("DIR", a.wal.directory, "The database")->required();
  count(dump->add_option("--from", a.wal.from, "First seqno to print"))->capture_default_str();
  count(dump->add_option("--limit", a.wal.limit, "How many records to print; 0: all"));

  CLI::App* inspect = add_command(app, a, "inspect", "Decode any file of a database; never writes",
                                  "  tidal inspect tube.db/wal/00000000000000000001.wal",
                                  [&a](const Terminal& t) { return run_inspect(t, a.file); });
  inspect->add_option("FILE", a.file, "The file")->required();
}

constexpr const char* kLaterGroup = "Not available yet";

/// What completions must know of a command; commands that come later are not offered.
CommandShape shape_of(const CLI::App& app, const Arguments& a) {
  CommandShape shape{.name = app.get_name(), .about = app.get_description(), .options = {}, .commands = {}};
  for (const CLI::Option* option : app.get_options()) {
    OptionShape& out = shape.options.emplace_back();
    for (const std::string& name : option->get_lnames()) out.names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) out.names.push_back("-" + name);
    out.about = option->get_description();
    out.takes_value = option->get_items_expected_max() > 0;
    if (const auto choices = a.choices.find(option); choices != a.choices.end()) out.values = choices->second;
  }
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (each->get_group() != kLaterGroup) shape.commands.push_back(shape_of(*each, a));
  }
  return shape;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(each->get_name());
  }
  return names;
}

Exit help(const CLI::App& app, const std::vector<std::string>& about, const Terminal& terminal) {
  const CLI::App* found = &app;
  std::string before;
  for (const std::string& word : about) {
    before += (before.empty() ? "" : " ") + found->get_name();
    const auto inner = found->get_subcommands([&word](const CLI::App* each) { return each->get_name() == word; });
    if (inner.empty()) {
      terminal.err << "error: there is no command '" << word << "'" << suggestion(word, command_names(*found)) << "\n";
      return Exit::Usage;
    }
    found = inner.front();
  }
  terminal.out << found->help(before);
  return Exit::Ok;
}

void add_rest(CLI::App& app, Arguments& a) {
  CLI::App* completions = add_command(app, a, "completions", "Print completions for a shell",
                                      "  tidal completions bash > ~/.local/share/bash-completion/completions/tidal",
                                      [&a, &app](const Terminal& t) {
                                        t.out << completions_text(a.completions_shell, shape_of(app, a));
                                        return Exit::Ok;
                                      });
  one_of(a, completions->add_option("SHELL", a.completions_shell, "bash, zsh or fish")->required(),
         {"bash", "zsh", "fish"});
  add_command(app, a, "version", "Print the version", "  tidal version",
              [](const Terminal& t) { return run_version(t); });
  CLI::App* helping = add_command(app, a, "help", "Explain a command", "  tidal help import\n  tidal help wal dump",
                                  [&a, &app](const Terminal& t) { return help(app, a.help_about, t); });
  CLI::Option* about = helping->add_option("COMMAND", a.help_about, "The command");
  for (const std::string name : {"serve", "eval", "schema"}) {
    CLI::App* later = add_command(app, a, name, kLaterGroup, "  tidal " + name,
                                  [name](const Terminal& t) { return run_unavailable(t, name); });
    later->group(kLaterGroup);
    later->allow_extras();
  }
  for (const CommandShape& each : shape_of(app, a).commands) a.choices[about].push_back(each.name);
}

/// The words of the chosen command: "tidal wal dump".
std::string chosen_command(const CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? app.get_name() : app.get_name() + " " + chosen_command(*chosen.front());
}

/// What a person should read about arguments that were not understood.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first.empty()) return "expected a command";
  if (first.front() != '-' && app.get_subcommands().empty()) {
    return "there is no command '" + first + "'" + suggestion(first, command_names(app));
  }
  return error.what();
}

/// CLI11 prints its own messages; only the exit code is ours.
Exit parse(CLI::App& app, int argc, char** argv, Arguments& arguments, const Terminal& terminal) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      terminal.err << "error: " << usage_error(app, error, argc, argv) << "\n"
                   << "usage: " << chosen_command(app) << " --help explains\n";
      return Exit::Usage;
    }
    return static_cast<Exit>(app.exit(error, terminal.out, terminal.err));
  }
  arguments.directory.by_view = arguments.by == "view";
  arguments.exec.format = kFormats.at(arguments.format);
  return Exit::Ok;
}

Exit run_program(int argc, char** argv) {
  Terminal terminal = process_terminal();
  Arguments arguments;
  CLI::App app("tidal: a database for what to show, to whom, in what order", "tidal");
  app.require_subcommand(1);
  app.set_version_flag("--version", version_text(), "Print the version");
  app.get_formatter()->column_width(34);
  app.footer(
      "Start with:\n  tidal demo\n  tidal init tube.db --template video\nEvery command has --help with an example.");
  add_asking(app, arguments);
  add_writing(app, arguments);
  add_upkeep(app, arguments);
  add_backups(app, arguments);
  add_looking(app, arguments);
  add_rest(app, arguments);
  const Exit parsed = parse(app, argc, argv, arguments, terminal);
  if (!arguments.run || parsed != Exit::Ok) return parsed;
  terminal.quiet = arguments.quiet;
  catch_interrupts();
  return arguments.run(terminal);
}

/// It is a pipe whose other end was closed, as by `| head`: whoever did that has seen enough.
bool stdout_has_no_reader() {
  pollfd out{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

}  // namespace
}  // namespace tidal::cli

int main(int argc, char** argv) {
  using tidal::cli::Exit;
  Exit result = Exit::Failed;
  try {
    result = tidal::cli::run_program(argc, argv);
  } catch (const std::bad_alloc&) {
    std::cerr << "error[ResourceExhausted]: out of memory\n";
  }
  std::cout.flush();
  if (!std::cout && !tidal::cli::stdout_has_no_reader()) {
    std::cerr << "error: cannot write to stdout\n";
    if (result == Exit::Ok) result = Exit::Failed;
  }
  return static_cast<int>(result);
}
