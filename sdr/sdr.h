/* sdr.h - the commands of sdr that have a file of their own. */
#ifndef INKPOST_SDR_SDR_H
#define INKPOST_SDR_SDR_H

#include "common/agent/options.h"

/* `sdr history`: messages again from the cloud. */
int history_run(struct device_options *o);

#endif
