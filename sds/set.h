/* set.h - `sds set`: named sets of receivers. */
#ifndef INKPOST_SDS_SET_H
#define INKPOST_SDS_SET_H

#include "common/agent/options.h"

/* Returns an exit code. */
int set_run(struct device_options *o);

#endif
