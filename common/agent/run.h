/*
 * run.h - the commands `sds run` and `sdr run`: a sending side, a receiving side, or both in one
 * process on one event base.
 *
 * Each side has its own lock, state handle and connection, as in a process of its own. A program is
 * named for the side that it cannot do without, and ends when that one has done its job.
 */
#ifndef INKPOST_AGENT_RUN_H
#define INKPOST_AGENT_RUN_H

#include "common/agent/options.h"

/* `sds run`: lines of stdin to --to, until their end and all are receipted; with --talk it also
 * shows what comes. Returns an exit code. */
int run_sending(struct device_options *o);
/* `sdr run`: shows what comes, until --count; with --covers lines of stdin are answers. Returns an
 * exit code. */
int run_receiving(struct device_options *o);

#endif
