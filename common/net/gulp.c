/* gulp.c - reading a socket in one piece, past libevent's own size. */
#include "common/net/gulp.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

void gulp(struct bufferevent *bev, size_t max)
{
    struct evbuffer *in = bufferevent_get_input(bev);
    struct evbuffer_iovec v;
    int fd = (int)bufferevent_getfd(bev), n = 0;
    ssize_t got = 0;

    if (ioctl(fd, FIONREAD, &n) != 0 || n <= 0)
        return;
    if ((size_t)n > max)
        n = (int)max;
    evbuffer_unfreeze(in, 0);
    if (evbuffer_reserve_space(in, n, &v, 1) == 1) {
        v.iov_len = (size_t)n;
        got = recv(fd, v.iov_base, v.iov_len, MSG_DONTWAIT);
        v.iov_len = got > 0 ? (size_t)got : 0;
        evbuffer_commit_space(in, &v, 1);
    }
    evbuffer_freeze(in, 0);
}
