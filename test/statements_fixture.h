// A database in memory's files that answers statements, for tests of what they say.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/memory_file_system.h"
#include "test/core_fixture.h"

namespace tidal::test {

class Statements : public testing::Test {
 protected:
  /// Of a new database.
  void begin(std::string_view schema) {
    core.reset();
    ASSERT_TRUE(fs.remove_all("/db").ok());
    reopen();
    define(*core, schema);
  }
  void reopen() {
    core.reset();
    core = open_core(fs, clock, "/db").value();
  }
  Result<Reply> run(const std::string& text, Params params = {}) {
    const Result<query::Script> script = query::parse(text);
    if (!script.ok()) return script.error();
    db::Session session(*core, params);
    Result<Reply> last = Error(Code::Internal, "no statement");
    for (const query::Statement& statement : script->statements) {
      last = session.execute(statement);
      if (!last.ok()) return last;
    }
    return last;
  }
  std::string status(const std::string& text) {
    const Result<Reply> reply = run(text);
    return reply.ok() ? std::get<WriteReply>(*reply).status : reply.error().message;
  }
  Code code(const std::string& text) {
    const Result<Reply> reply = run(text);
    return reply.ok() ? Code::Internal : reply.error().code;
  }
  std::vector<std::string> keys(const std::string& text, Params params = {}) {
    const Result<Reply> reply = run(text, std::move(params));
    if (!reply.ok()) return {reply.error().message};
    std::vector<std::string> out;
    for (const ResultItem& item : std::get<QueryReply>(*reply).items) out.push_back(item.key);
    return out;
  }
  EntityReply get(const std::string& text) { return std::get<EntityReply>(run(text).value()); }

  base::MemoryFileSystem fs{1};
  base::FixedClock clock{kStart};
  std::unique_ptr<db::Core> core;
};

}  // namespace tidal::test
