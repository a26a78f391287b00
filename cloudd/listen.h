/* listen.h - the listening socket: an address by name, and a pause when descriptors run out. */
#ifndef INKPOST_CLOUDD_LISTEN_H
#define INKPOST_CLOUDD_LISTEN_H

#include <stddef.h>

#include "cloudd/server.h"

/* Listen at opt->host, opt->port and print "listening HOST:PORT" on stdout. ERR_SYS with a sentence
 * in why. */
int listen_start(struct server *srv, char *why, size_t why_len);
/* Take no more connections. May be repeated. */
void listen_stop(struct server *srv);

#endif
