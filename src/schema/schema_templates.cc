// Schemas to start from. Rates of effects are the defaults of docs/language.md.
#include "schema/schema_templates.h"

namespace tidal::schema {
namespace {

constexpr std::string_view kVideo = R"tidal(-- A video platform: watch, finish, like, share, keep for later, hide.
BEGIN;
-- items
DEFINE FIELD item.title       TEXT SEARCHABLE BOOST 3 LANGUAGE "en" REQUIRED;
DEFINE FIELD item.description TEXT SEARCHABLE LANGUAGE "en";
DEFINE FIELD item.category    KEYWORD INDEXED INTEREST;
DEFINE FIELD item.tags        KEYWORD[] INDEXED SEARCHABLE BOOST 2 INTEREST;
DEFINE FIELD item.format      KEYWORD INDEXED DEFAULT "video";
DEFINE FIELD item.length      DURATION INDEXED;
DEFINE FIELD item.language    KEYWORD INDEXED;
-- people
DEFINE FIELD user.country     KEYWORD INDEXED;
DEFINE FIELD user.age         INT;
DEFINE FIELD user.language    KEYWORD DIMENSION;
DEFINE FIELD creator.name     TEXT SEARCHABLE BOOST 2;
DEFINE FIELD creator.verified BOOL INDEXED DEFAULT false;
-- signals
DEFINE SIGNAL impression DECAY none WINDOWS 24h, 7d SCOPE global, user;
DEFINE SIGNAL view VALUE 0.. DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY UNIQUE SCOPE global, cohort, user
  EFFECTS preference +0.02, creator +0.02, affinity +0.05, mark seen;
DEFINE SIGNAL completion VALUE 0..1 DECAY exponential(30d) WINDOWS 24h, 7d, 30d
  EFFECTS preference +0.10 * value WHEN value >= 0.5, preference -0.05 WHEN value < 0.1,
          creator +0.05 * value, affinity +0.20 * value,
          mark completed WHEN value >= 0.9, mark in_progress WHEN value < 0.9;
DEFINE SIGNAL like ROLE positive DECAY exponential(14d) WINDOWS 1h, 24h, 7d VELOCITY SCOPE global, cohort
  EFFECTS preference +0.10, creator +0.15, affinity +0.30, mark liked, mark seen;
DEFINE SIGNAL dislike ROLE negative DECAY exponential(14d) WINDOWS 24h
  EFFECTS preference -0.10, creator -0.10, affinity -0.30, mark disliked, mark seen;
DEFINE SIGNAL comment DECAY exponential(14d) WINDOWS 24h, 7d VELOCITY
  EFFECTS preference +0.08, creator +0.10, affinity +0.20, mark seen;
DEFINE SIGNAL share DECAY exponential(14d) WINDOWS 1h, 24h, 7d VELOCITY SCOPE global, cohort
  EFFECTS preference +0.15, creator +0.20, affinity +0.40, mark shared, mark seen;
DEFINE SIGNAL watchlist ROLE save, positive DECAY none
  EFFECTS preference +0.10, creator +0.10, affinity +0.30, mark saved;
DEFINE SIGNAL skip ROLE negative DECAY exponential(7d) WINDOWS 24h
  EFFECTS preference -0.05, creator -0.05, affinity -0.10, mark seen;
DEFINE SIGNAL hide DECAY none EFFECTS preference -0.15, creator -0.10, affinity -1, mark hidden;
DEFINE SIGNAL report DECAY none WINDOWS 24h, 7d UNIQUE;
DEFINE SIGNAL notify_sent DECAY none WINDOWS 24h, 7d SCOPE user;
-- edges
DEFINE RELATION follows FROM user TO creator WINDOWS 24h, 7d EFFECTS preference +0.10, creator +0.30;
DEFINE RELATION blocks  FROM user TO creator EXCLUDES always EFFECTS preference -0.10;
DEFINE RELATION mutes   FROM user TO creator EXCLUDES feeds;
COMMIT;
)tidal";

constexpr std::string_view kArticles =
    R"tidal(-- News and articles: open, read to the end, like, share, bookmark, show less of this.
BEGIN;
-- items
DEFINE FIELD item.title       TEXT SEARCHABLE BOOST 3 LANGUAGE "en" REQUIRED;
DEFINE FIELD item.summary     TEXT SEARCHABLE BOOST 2 LANGUAGE "en";
DEFINE FIELD item.body        TEXT SEARCHABLE LANGUAGE "en";
DEFINE FIELD item.section     KEYWORD INDEXED INTEREST;
DEFINE FIELD item.topics      KEYWORD[] INDEXED SEARCHABLE BOOST 2 INTEREST;
DEFINE FIELD item.language    KEYWORD INDEXED;
DEFINE FIELD item.reading     DURATION INDEXED;
DEFINE FIELD item.breaking    BOOL INDEXED DEFAULT false;
DEFINE FIELD item.paywalled   BOOL INDEXED DEFAULT false;
-- people
DEFINE FIELD user.country     KEYWORD INDEXED;
DEFINE FIELD user.language    KEYWORD DIMENSION;
DEFINE FIELD user.subscriber  BOOL INDEXED DEFAULT false;
DEFINE FIELD creator.name     TEXT SEARCHABLE BOOST 2;
-- signals
DEFINE SIGNAL impression DECAY none WINDOWS 24h, 7d SCOPE global, user;
DEFINE SIGNAL view VALUE 0.. DECAY exponential(1d) WINDOWS 1h, 24h, 7d, 30d VELOCITY UNIQUE SCOPE global, cohort, user
  EFFECTS preference +0.02, creator +0.02, affinity +0.05, mark seen;
DEFINE SIGNAL read ROLE completion VALUE 0..1 DECAY exponential(7d) WINDOWS 24h, 7d, 30d
  EFFECTS preference +0.10 * value WHEN value >= 0.5, preference -0.05 WHEN value < 0.1,
          creator +0.05 * value, affinity +0.20 * value,
          mark completed WHEN value >= 0.9, mark in_progress WHEN value < 0.9;
DEFINE SIGNAL like ROLE positive DECAY exponential(3d) WINDOWS 1h, 24h, 7d VELOCITY SCOPE global, cohort
  EFFECTS preference +0.10, creator +0.15, affinity +0.30, mark liked, mark seen;
DEFINE SIGNAL comment DECAY exponential(3d) WINDOWS 1h, 24h, 7d VELOCITY
  EFFECTS preference +0.08, creator +0.10, affinity +0.20, mark seen;
DEFINE SIGNAL share DECAY exponential(3d) WINDOWS 1h, 24h, 7d VELOCITY SCOPE global, cohort
  EFFECTS preference +0.15, creator +0.20, affinity +0.40, mark shared, mark seen;
DEFINE SIGNAL bookmark ROLE save, positive DECAY none
  EFFECTS preference +0.10, creator +0.10, affinity +0.30, mark saved;
DEFINE SIGNAL less_like_this ROLE negative DECAY exponential(14d) WINDOWS 24h, 7d
  EFFECTS preference -0.10, creator -0.10, affinity -0.50, mark disliked, mark hidden;
DEFINE SIGNAL report DECAY none WINDOWS 24h, 7d UNIQUE;
-- edges
DEFINE RELATION follows FROM user TO creator WINDOWS 24h, 7d EFFECTS preference +0.10, creator +0.30;
DEFINE RELATION mutes   FROM user TO creator EXCLUDES feeds;
COMMIT;
)tidal";

constexpr std::string_view kShop =
    R"tidal(-- A shop: look, put into the cart, buy, rate, return; a creator is a brand or a seller.
BEGIN;
-- items
DEFINE FIELD item.title       TEXT SEARCHABLE BOOST 3 LANGUAGE "en" REQUIRED;
DEFINE FIELD item.description TEXT SEARCHABLE LANGUAGE "en";
DEFINE FIELD item.category    KEYWORD INDEXED INTEREST;
DEFINE FIELD item.tags        KEYWORD[] INDEXED SEARCHABLE INTEREST;
DEFINE FIELD item.part_number KEYWORD INDEXED SEARCHABLE BOOST 2;
DEFINE FIELD item.price       FLOAT INDEXED REQUIRED;
DEFINE FIELD item.in_stock    BOOL INDEXED DEFAULT true;
DEFINE FIELD item.on_sale     BOOL INDEXED DEFAULT false;
-- people
DEFINE FIELD user.country     KEYWORD INDEXED;
DEFINE FIELD user.segment     KEYWORD DIMENSION;
DEFINE FIELD creator.name     TEXT SEARCHABLE BOOST 2;
-- signals
DEFINE SIGNAL impression DECAY none WINDOWS 24h, 7d SCOPE global, user;
DEFINE SIGNAL view VALUE 0.. DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY UNIQUE SCOPE global, cohort, user
  EFFECTS preference +0.02, creator +0.02, affinity +0.05, mark seen;
DEFINE SIGNAL add_to_cart ROLE positive DECAY exponential(7d) WINDOWS 1h, 24h, 7d VELOCITY SCOPE global, cohort
  EFFECTS preference +0.08, creator +0.08, affinity +0.25, mark seen;
DEFINE SIGNAL purchase ROLE positive, completion VALUE 0.. DECAY exponential(30d) WINDOWS 1h, 24h, 7d, 30d
  VELOCITY UNIQUE SCOPE global, cohort
  EFFECTS preference +0.15, creator +0.20, affinity +0.50, mark completed, mark seen;
DEFINE SIGNAL rating VALUE 1..5 DECAY exponential(90d) WINDOWS 7d, 30d
  EFFECTS preference +0.05 WHEN value >= 4, preference -0.05 WHEN value <= 2,
          mark liked WHEN value >= 4, mark disliked WHEN value <= 2;
DEFINE SIGNAL wishlist ROLE save, positive DECAY none
  EFFECTS preference +0.10, creator +0.10, affinity +0.30, mark saved;
DEFINE SIGNAL share DECAY exponential(14d) WINDOWS 24h, 7d
  EFFECTS preference +0.10, creator +0.10, affinity +0.20, mark shared;
DEFINE SIGNAL return_item ROLE negative DECAY exponential(30d) WINDOWS 7d, 30d
  EFFECTS preference -0.10, creator -0.10, affinity -0.50;
DEFINE SIGNAL not_interested ROLE negative DECAY none
  EFFECTS preference -0.10, creator -0.10, affinity -0.50, mark hidden;
DEFINE SIGNAL report DECAY none WINDOWS 24h, 7d UNIQUE;
-- edges
DEFINE RELATION follows FROM user TO creator WINDOWS 24h, 7d EFFECTS preference +0.10, creator +0.30;
COMMIT;
)tidal";

constexpr std::string_view kSocial = R"tidal(-- A social feed: posts of people, seen, liked, answered, passed on, muted.
BEGIN;
-- items
DEFINE FIELD item.text        TEXT SEARCHABLE LANGUAGE "en" REQUIRED;
DEFINE FIELD item.hashtags    KEYWORD[] INDEXED SEARCHABLE BOOST 2 INTEREST;
DEFINE FIELD item.format      KEYWORD INDEXED DEFAULT "text";
DEFINE FIELD item.language    KEYWORD INDEXED;
DEFINE FIELD item.reply_to    KEYWORD INDEXED;
DEFINE FIELD item.sensitive   BOOL INDEXED DEFAULT false;
-- people
DEFINE FIELD user.country     KEYWORD INDEXED;
DEFINE FIELD user.age         INT;
DEFINE FIELD user.language    KEYWORD DIMENSION;
DEFINE FIELD creator.name     TEXT SEARCHABLE BOOST 2;
DEFINE FIELD creator.verified BOOL INDEXED DEFAULT false;
-- signals
DEFINE SIGNAL impression DECAY none WINDOWS 24h, 7d SCOPE global, user;
DEFINE SIGNAL view VALUE 0.. DECAY exponential(12h) WINDOWS 1h, 24h, 7d, 30d VELOCITY UNIQUE SCOPE global, cohort, user
  EFFECTS preference +0.02, creator +0.02, affinity +0.05, mark seen;
DEFINE SIGNAL like ROLE positive DECAY exponential(1d) WINDOWS 1h, 24h, 7d VELOCITY SCOPE global, cohort
  EFFECTS preference +0.10, creator +0.15, affinity +0.30, mark liked, mark seen;
DEFINE SIGNAL reply ROLE comment DECAY exponential(1d) WINDOWS 1h, 24h, 7d VELOCITY
  EFFECTS preference +0.08, creator +0.10, affinity +0.20, mark seen;
DEFINE SIGNAL repost ROLE share DECAY exponential(1d) WINDOWS 1h, 24h, 7d VELOCITY SCOPE global, cohort
  EFFECTS preference +0.15, creator +0.20, affinity +0.40, mark shared, mark seen;
DEFINE SIGNAL bookmark ROLE save, positive DECAY none
  EFFECTS preference +0.10, creator +0.10, affinity +0.30, mark saved;
DEFINE SIGNAL dislike ROLE negative DECAY exponential(7d) WINDOWS 24h, 7d
  EFFECTS preference -0.10, creator -0.10, affinity -0.30, mark disliked, mark seen;
DEFINE SIGNAL hide DECAY none EFFECTS preference -0.15, creator -0.10, affinity -1, mark hidden;
DEFINE SIGNAL report DECAY none WINDOWS 24h, 7d UNIQUE;
DEFINE SIGNAL profile_visit ON creators DECAY exponential(7d) WINDOWS 24h, 7d EFFECTS creator +0.05;
-- edges
DEFINE RELATION follows FROM user TO creator WINDOWS 24h, 7d EFFECTS preference +0.10, creator +0.30;
DEFINE RELATION blocks  FROM user TO creator EXCLUDES always EFFECTS preference -0.10;
DEFINE RELATION mutes   FROM user TO creator EXCLUDES feeds;
DEFINE RELATION friend  FROM user TO user;
DEFINE RELATION blocks_user FROM user TO user EXCLUDES always;
COMMIT;
)tidal";

}  // namespace

const std::vector<SchemaTemplate>& schema_templates() {
  static const std::vector<SchemaTemplate> kTemplates = {
      {"video", "a video platform: watch, finish, like, share, keep for later, hide", kVideo},
      {"articles", "news and articles: open, read, like, share, bookmark", kArticles},
      {"shop", "a shop: look, put into the cart, buy, rate, return", kShop},
      {"social", "a social feed: posts seen, liked, answered, passed on", kSocial},
  };
  return kTemplates;
}

}  // namespace tidal::schema
