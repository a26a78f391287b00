/*
 * admin.h - the operator's commands: invite, devices, sessions, mailbox, revoke. They work on the
 * store directly, also while `cloudd run` has it open.
 */
#ifndef INKPOST_CLOUDD_ADMIN_H
#define INKPOST_CLOUDD_ADMIN_H

#include <stddef.h>

#include "cloudd/options.h"
#include "cloudd/store.h"

/* Run the command of o. What it lists goes to stdout; on a status other than EXIT_DONE why has a
 * sentence. */
int admin_run(const struct options *o, struct store *store, char *why, size_t why_len);

#endif
