// tidal demo: a made-up platform at the prompt, or MovieLens without one.
#include <algorithm>
#include <ostream>

#include "base/clock.h"
#include "base/file_system.h"
#include "cli/commands.h"
#include "cli/demo_data.h"
#include "cli/error_text.h"
#include "cli/import_command.h"
#include "cli/interrupt.h"
#include "cli/open_database.h"
#include "cli/quantity_text.h"
#include "cli/shell.h"
#include "db/offline/starting_schema.h"

namespace tidal::cli {
namespace {

constexpr std::size_t kHistoryEvents = 30'000;
constexpr Duration kHistory = days(2);

constexpr std::string_view kMovieSchema = R"(BEGIN;
DEFINE FIELD item.title  TEXT;
DEFINE FIELD item.year   INT INDEXED;
DEFINE FIELD item.genres KEYWORD[] INDEXED INTEREST;
DEFINE SIGNAL rating ROLE view VALUE 0.5..5 DECAY exponential(90d) WINDOWS 1h, 24h, 7d, 30d VELOCITY EFFECTS mark seen;
DEFINE SIGNAL like ROLE positive DECAY exponential(90d) WINDOWS 1h, 24h, 7d, 30d VELOCITY
  EFFECTS affinity +0.30, mark liked;
DEFINE SIGNAL dislike ROLE negative DECAY exponential(90d) WINDOWS 1h, 24h, 7d, 30d
  EFFECTS affinity -0.30, mark disliked;
COMMIT;
)";

struct Shown {
  std::string_view question;
  std::string_view statement;
};
constexpr Shown kMovieQuestions[] = {
    {"What is being watched more than usual this month?",
     "RETRIEVE items USING PROFILE trending WINDOW 30d WITH fields(title, year), signals(rating.count(30d)) LIMIT 10;"},
    {"What is hot: many good ratings, recently?",
     "RETRIEVE items SORT BY hot WITH fields(title, year), signals(like.count(30d), dislike.count(30d)) LIMIT 10;"},
    {"The best of the month",
     "RETRIEVE items SORT BY top(month) WITH fields(title, year), signals(like.count(30d)) LIMIT 10;"},
    {"The best of all time",
     "RETRIEVE items SORT BY top(all) WITH fields(title, year), signals(like.count(all), rating.mean(all)) LIMIT 10;"},
    {"New in the catalogue", "RETRIEVE items SORT BY new WITH fields(title, year) LIMIT 5;"},
    {"Science fiction of the eighties and nineties that 50 people rated, best mean first",
     "RETRIEVE items FILTER genres IN (\"Sci-Fi\"), year BETWEEN 1980 AND 1999, rating.count(all) >= 50\n"
     "  SORT BY rating.mean(all) DESC WITH fields(title, year, genres), signals(rating.mean(all)) LIMIT 10;"},
    {"The best comedies that user 547 has not rated yet",
     "RETRIEVE items FOR USER @\"547\" FILTER unseen, genres IN (\"Comedy\") SORT BY top(all)\n"
     "  WITH fields(title, year), signals(like.count(all)) LIMIT 10;"},
    {"Related to Star Wars: liked by the same people",
     "RETRIEVE items SIMILAR TO @\"260\" WITH fields(title, year) LIMIT 10;"},
    {"Related to Toy Story", "RETRIEVE items SIMILAR TO @\"1\" WITH fields(title, year) LIMIT 10;"},
    {"What goes with the last likes of user 547, of what they have not rated",
     "RETRIEVE items FOR USER @\"547\" FROM co_engaged FILTER unseen WITH fields(title, year) LIMIT 10;"},
    {"What the database has learnt of user 547", "GET user @\"547\";"},
};

Status fill(Database& database, DemoWorld& world) {
  TIDAL_TRY(run_schema(database, std::string(db::starting_schema("video")->statements)));
  const Timestamp now = database.now();
  const std::vector<Operation> catalogue = world.catalogue(now);
  if (const auto written = database.write(catalogue); !written.ok()) return written.error();
  std::vector<Signal> events;
  for (std::size_t i = 0; i < kHistoryEvents; ++i) {
    // Denser towards now, so that the last hour differs from the hours before.
    const double back = static_cast<double>(kHistoryEvents - i) / static_cast<double>(kHistoryEvents);
    events.push_back(
        world.event(now - Duration{static_cast<std::int64_t>(back * back * static_cast<double>(kHistory.us))}));
    if (events.size() < 5'000 && i + 1 < kHistoryEvents) continue;
    if (const auto written = database.signals(events); !written.ok()) return written.error();
    events.clear();
  }
  return {};
}

Exit run_generated(const Terminal& terminal, const CommonOptions& common) {
  Result<Database> database = open_memory(common);
  if (!database.ok()) return fail(terminal, database.error());
  DemoWorld world(2026);
  const Status filled = fill(*database, world);
  if (!filled.ok()) return fail(terminal, filled.error());
  if (!terminal.quiet) {
    terminal.out << "A video platform in memory: " << with_commas(kDemoItems) << " items, "
                 << with_commas(kHistoryEvents)
                 << " events of the last two days, and 200 more every second while you look.\n"
                 << "HELP; for the language, \\? for the shell, \\q to leave.\n"
                 << std::flush;
  }
  Exit result = Exit::Ok;
  {
    const LiveEvents live(*database, DemoWorld(2027));
    const auto editor = make_line_editor(
        terminal, "", [&database](std::string_view prefix) { return Shell::completions(*database, prefix); });
    Shell shell(terminal, *database, *editor, {.directory = "", .rc_path = "", .clock_shifted = !common.clock.empty()});
    shell.offer(
        "RETRIEVE items USING PROFILE trending WINDOW 1h WITH fields(title, category), signals(view.count(1h)) LIMIT "
        "5;");
    shell.offer(
        "RETRIEVE items FOR USER @u1 FILTER unseen, category = \"music\" SORT BY hot WITH fields(title, length) LIMIT "
        "5;");
    shell.offer("EXPLAIN RETRIEVE items FILTER language IN (\"en\", \"de\"), length < 10m SORT BY top(week) LIMIT 5;");
    result = shell.run();
  }
  if (const Status closed = database->close(); !closed.ok()) return fail(terminal, closed.error());
  return result;
}

/// The database of an earlier run, or a new one with the schema.
Result<Database> open_or_create(const std::string& directory) {
  const CommonOptions common{.clock = "events"};
  if (base::posix_file_system().exists(directory + "/wal")) return open_directory(directory, common);
  return create_directory(directory, std::string(kMovieSchema), common);
}

Exit load_movies(const Terminal& terminal, Database& database, const std::string& data, const std::string& directory) {
  struct Load {
    std::string_view file;
    std::vector<std::string> maps;
  };
  const std::vector<Load> loads = {
      {"movies.csv", {"item:key=movieId,title=title,year=year,genres=genres:split(|)"}},
      {"ratings.csv",
       {"signal:kind=rating,user=userId,item=movieId,value=rating,at=timestamp:unix",
        "signal:kind=like,user=userId,item=movieId,at=timestamp:unix,where=rating>=4",
        "signal:kind=dislike,user=userId,item=movieId,at=timestamp:unix,where=rating<=2"}}};
  for (const Load& load : loads) {
    const std::string path = data + "/" + std::string(load.file);
    const ImportOptions options{.maps = load.maps,
                                .rejects_path = directory + "." + std::string(load.file) + ".rejects",
                                .spill_folder = directory + ".import"};
    const Exit result = import_one(terminal, database, path, options, "tidal import " + directory + " " + path);
    if (result != Exit::Ok) return result;
  }
  return Exit::Ok;
}

Exit show_movies(const Terminal& terminal, Database& database) {
  bool all_ran = true;
  for (const Shown& shown : kMovieQuestions) {
    terminal.out << "\n"
                 << out_style(terminal, Style::Bold) << "-- " << shown.question << out_style(terminal, Style::Plain)
                 << "\n"
                 << out_style(terminal, Style::Cyan) << shown.statement << out_style(terminal, Style::Plain) << "\n\n";
    const auto show = [&](const Result<Reply>& reply) {
      if (!reply.ok()) {
        static_cast<void>(fail(terminal, reply.error()));  // execute() tells the outcome
        return false;
      }
      terminal.out << reply_text(*reply, Format::Table, title_fields(database.schema_text()),
                                 static_cast<std::size_t>(terminal.columns))
                   << reply_footer(*reply);
      return true;
    };
    if (interrupted()) return fail(terminal, Error(Code::Unavailable, "interrupted"));
    all_ran = database.execute(shown.statement, {}, false, show) && all_ran;
  }
  terminal.out << std::flush;
  return all_ran ? Exit::Ok : Exit::Failed;
}

Exit run_movies(const Terminal& terminal, const DemoOptions& options) {
  const std::string directory = options.directory.empty() ? options.data + "/demo.db" : options.directory;
  base::FileSystem& fs = base::posix_file_system();
  for (const std::string_view file : {"/movies.csv", "/ratings.csv"}) {
    if (fs.exists(options.data + std::string(file))) continue;
    return fail(terminal, Error(Code::NotFound,
                                "there is no " + options.data + std::string(file) + "; tools/movielens.py fetches it"));
  }
  Result<Database> database = open_or_create(directory);
  if (!database.ok()) return fail(terminal, database.error());
  Exit result = load_movies(terminal, *database, options.data, directory);
  if (result == Exit::Ok) {
    const DatabaseStats stats = database->stats();
    terminal.out << directory << " holds " << counted(stats.items, "movie") << " and " << counted(stats.users, "user")
                 << "; its clock follows the events and stands at " << to_string(stats.now) << ".\n";
    result = show_movies(terminal, *database);
    if (!terminal.quiet) terminal.out << "\nGo on: tidal shell " << directory << " --clock events\n" << std::flush;
  }
  if (const Status closed = database->close(); !closed.ok()) return fail(terminal, closed.error());
  return result;
}

}  // namespace

Exit run_demo(const Terminal& terminal, const CommonOptions& common, const DemoOptions& options) {
  return options.data.empty() ? run_generated(terminal, common) : run_movies(terminal, options);
}

}  // namespace tidal::cli
