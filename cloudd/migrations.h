/* migrations.h - the cloud's schema, as the steps that lead to it. */
#ifndef INKPOST_CLOUDD_MIGRATIONS_H
#define INKPOST_CLOUDD_MIGRATIONS_H

#include <stddef.h>

#include "common/sql/sql.h"

/* As sql_migrate(): bring db to the newest version; ERR_VERSION when it is beyond. */
int migrations_run(struct sql *db, char *why, size_t why_len);

#endif
