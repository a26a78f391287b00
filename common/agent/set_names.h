/* set_names.h - named sets of receivers: they only say whom the next message goes to. */
#ifndef INKPOST_AGENT_SET_NAMES_H
#define INKPOST_AGENT_SET_NAMES_H

#include "common/agent/state.h"

/* Names follow the rules of ids. Has the set a member? Also false when that cannot be found out. */
int set_name_exists(struct sql *db, const char *name);
/* Members, 0 when there is no such set. */
int set_name_count(struct sql *db, const char *name, size_t *n);
/* Add one, who may be in it already. In the caller's transaction, as below. */
int set_name_add(struct sql *db, const char *name, const char *member);
/* ERR_NOTFOUND: who is not in it. */
int set_name_remove(struct sql *db, const char *name, const char *member);
/* The next member after `after`, the next set after `after`, in order. ERR_NOTFOUND at the end. The
 * two texts may be the same. */
int set_name_next(struct sql *db, const char *name, const char *after, char member[ID_MAX + 1]);
int set_name_next_set(struct sql *db, const char *after, char name[ID_MAX + 1]);

#endif
