/*
 * gulp.h - reading a socket in one piece. libevent takes 4 KiB at a time, and each time it comes
 * round the loop for it; a package is ten times as long.
 */
#ifndef INKPOST_COMMON_NET_GULP_H
#define INKPOST_COMMON_NET_GULP_H

#include <stddef.h>

struct bufferevent;

/* Add what else has arrived, up to max bytes, to the input of a socket's bufferevent. The end of
 * the connection, and errors, are left for libevent to find. */
void gulp(struct bufferevent *bev, size_t max);

#endif
