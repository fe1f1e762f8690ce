// What is wrong with one definition, and the checks that several kinds of definition share.
//
// Included by the sources of validation only. Threads: values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/validation.h"

namespace tidal::schema {

/// Collects the problems of one definition.
class Findings {
 public:
  Findings(std::vector<Problem>& out, Problem::Of of, std::size_t index, std::string subject)
      : out_(out), of_(of), index_(index), subject_(std::move(subject)), before_(out.size()) {}

  struct Remark {
    Aspect aspect = Aspect::Whole;
    std::string message;
    std::string hint = "";
    std::size_t part = 0;
    Code code = Code::InvalidArgument;
  };
  void add(Remark r) {
    Problem p;
    p.of = of_;
    p.index = index_;
    p.aspect = r.aspect;
    p.part = r.part;
    p.code = r.code;
    p.message = subject_ + ": " + r.message;
    p.hint = std::move(r.hint);
    out_.push_back(std::move(p));
  }
  [[nodiscard]] bool none() const { return out_.size() == before_; }

 private:
  std::vector<Problem>& out_;
  Problem::Of of_;
  std::size_t index_;
  std::string subject_;
  std::size_t before_;
};

/// 'name'
[[nodiscard]] inline std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }
[[nodiscard]] inline bool is_whole_milliseconds(Duration d) { return d.us % 1'000 == 0; }

/// An identifier that is no reserved word. False when the name is unusable.
bool check_name(Findings& found, const std::string& name);

void check_embedding(Findings& found, const EmbeddingDef& embedding);
/// What only a signal of its own can have, or an edge that begins at a user.
void check_relation(Findings& found, const RelationDef& relation, const SignalDef& signal);
void check_settings(Findings& found, const Settings& settings);

}  // namespace tidal::schema
