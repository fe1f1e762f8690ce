// The list of folds, one a view.
#include "test/fold/folds.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/epoch.h"

namespace tidal::test::fold {
namespace {

struct Fold {
  std::string_view view;
  Compare compare;
};

// The entities come first: what follows asks by their ordinals.
constexpr std::array<Fold, 17> kFolds = {{
    {"schema", compare_schema},
    {"entities", compare_entities},
    {"embeddings", compare_embeddings},
    {"field_index", compare_field_index},
    {"creator_items", compare_creator_items},
    {"hidden", compare_hidden},
    {"ledger", compare_ledger},
    {"user_state", compare_user_state},
    {"preference", compare_preference},
    {"interests", compare_interests},
    {"uniques", compare_uniques},
    {"rollups", compare_rollups},
    {"relations", compare_relations},
    {"weights", compare_weights},
    {"co_engagement", compare_co_engagement},
    {"import_marks", compare_import_marks},
    {"duplicates", compare_duplicates},
}};

}  // namespace

void compare_schema(const Told& told, const db::Views& views, Timestamp /*now*/, Differences& out) {
  const schema::Schema& schema = views.schema();
  out.same(told.definitions.version, schema.version, [] { return "version"; });
  out.same(true, told.definitions == schema, [] { return "the definitions are those of the log"; });
}

void compare_all(const Told& told, const db::Views& views, Timestamp now, Differences& out) {
  for (const auto& view : views.registry().views()) {
    const auto fold = std::ranges::find(kFolds, view->name(), &Fold::view);
    out.about(view->name());
    out.same(true, fold != kFolds.end(), [] { return "a fold compares this view"; });
  }
  for (const Fold& fold : kFolds) {
    out.about(fold.view);
    const base::EpochGuard guard;
    fold.compare(told, views, now, out);
    if (fold.view == "entities" && !out.none()) return;
  }
}

}  // namespace tidal::test::fold
