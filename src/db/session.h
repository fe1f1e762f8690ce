// Runs statements against an open database: one reply a statement, batches between BEGIN and COMMIT.
//
// A batch is staged as it is read and checked as a whole at COMMIT: every error at once, all or nothing, one frame. Its
// definitions come into force before its writes, wherever they stand in it.
// Threads: one session belongs to one caller; sessions of the same Core run side by side.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/core.h"
#include "query/ast.h"
#include "query/read_views.h"
#include "tidal/query.h"
#include "tidal/reply.h"

namespace tidal::db {

class Session {
 public:
  /// Both outlive the session.
  Session(Core& core, const Params& params) : core_(core), params_(params) {}

  /// Errors carry the place in the script they belong to.
  [[nodiscard]] Result<Reply> execute(const query::Statement& statement);
  /// FailedPrecondition when a BEGIN is still open; the batch is dropped.
  [[nodiscard]] Status finish();

 private:
  [[nodiscard]] query::QueryContext context(const query::Statement& statement) const;
  [[nodiscard]] Result<Reply> dispatch(const query::Statement& statement);
  [[nodiscard]] Result<Reply> control(const query::Statement& statement, const query::Control& control);
  [[nodiscard]] Result<Reply> stage(const query::Statement& statement);
  [[nodiscard]] Result<Reply> commit();
  [[nodiscard]] Result<Reply> commit_batch(const std::vector<query::Statement>& statements);
  [[nodiscard]] Result<Reply> write(const query::Statement& statement);
  [[nodiscard]] Result<Reply> forget(const query::Statement& statement, const query::Forget& forget);
  [[nodiscard]] Result<Reply> export_user(const query::Statement& statement, const query::ExportUser& exported);
  [[nodiscard]] Result<Reply> change_schema(const query::Statement& statement);
  [[nodiscard]] Result<Reply> run_query(const query::Statement& statement, const query::Query& query);
  [[nodiscard]] Result<Reply> get(const query::Statement& statement, const query::Get& get);

  Core& core_;
  const Params& params_;
  std::optional<std::vector<query::Statement>> batch_;
};

}  // namespace tidal::db
