/* listen.h - the listening socket: an address by name, and a pause when descriptors run out. */
#ifndef INKPOST_CLOUDD_LISTEN_H
#define INKPOST_CLOUDD_LISTEN_H

#include <stddef.h>

#include "cloudd/server.h"

/* A socket bound to opt->host, opt->port in *fd, else -1; it does not listen yet. For this a port
 * below 1024 wants powers that are given up afterwards. ERR_SYS with a sentence in why. */
int listen_bind(const struct options *opt, int *fd, char *why, size_t why_len);
/* Listen at srv->socket, which from now on is the listener's, and note the address. ERR_SYS with a
 * sentence in why. */
int listen_start(struct server *srv, char *why, size_t why_len);
/* Print "listening HOST:PORT" on stdout. */
void listen_announce(const struct server *srv);
/* Take no more connections. May be repeated. */
void listen_stop(struct server *srv);

#endif
