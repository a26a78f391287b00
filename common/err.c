/* err.c - words for the codes of err.h. */
#include "common/err.h"

const char *err_str(int err)
{
    switch ((enum err)err) {
    case ERR_OK:
        return "no error";
    case ERR_NEED_MORE:
        return "more bytes are needed";
    case ERR_MALFORMED:
        return "malformed";
    case ERR_TOO_LARGE:
        return "too large";
    case ERR_TOO_SMALL:
        return "too small";
    case ERR_AUTH:
        return "authentication failed";
    case ERR_ARG:
        return "bad argument";
    case ERR_NOMEM:
        return "out of memory";
    case ERR_SYS:
        return "system error";
    case ERR_FORMAT:
        return "unknown format";
    case ERR_ROTATED:
        return "rotated photo";
    case ERR_BLANK:
        return "no signature found";
    case ERR_FLAT:
        return "cover without texture";
    case ERR_NOTFOUND:
        return "not found";
    case ERR_EXISTS:
        return "exists already";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_FULL:
        return "full";
    case ERR_STATE:
        return "not legal in this state";
    case ERR_REPLAY:
        return "seen before";
    case ERR_EXPIRED:
        return "expired";
    case ERR_DENIED:
        return "denied";
    case ERR_LOCKED:
        return "in use";
    case ERR_PERMS:
        return "loose permissions";
    case ERR_VERSION:
        return "newer version";
    case ERR_CLOSED:
        return "connection closed";
    case ERR_TIMEOUT:
        return "timed out";
    case ERR_UNSURE:
        return "outcome unknown";
    }
    return "unknown error";
}
