// Everything a program that embeds tidalDB needs.
#pragma once

#include "tidal/backup.h"   // IWYU pragma: export
#include "tidal/db.h"       // IWYU pragma: export
#include "tidal/options.h"  // IWYU pragma: export
#include "tidal/query.h"    // IWYU pragma: export
#include "tidal/reply.h"    // IWYU pragma: export
#include "tidal/result.h"   // IWYU pragma: export
#include "tidal/schema.h"   // IWYU pragma: export
#include "tidal/types.h"    // IWYU pragma: export
