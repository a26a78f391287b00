/* send.h - the command `sds send`. */
#ifndef INKPOST_SDS_SEND_H
#define INKPOST_SDS_SEND_H

#include "common/agent/options.h"

/* Returns an exit code. */
int send_run(struct device_options *o);

#endif
