/* err.h - the one list of error codes. A function that can fail returns 0 or one of these. */
#ifndef INKPOST_COMMON_ERR_H
#define INKPOST_COMMON_ERR_H

enum err {
    ERR_OK = 0,
    ERR_NEED_MORE = -1,  /* not wrong, only incomplete: more bytes are needed */
    ERR_MALFORMED = -2,  /* bytes that do not follow the format */
    ERR_TOO_LARGE = -3,  /* a length or a count above its bound */
    ERR_TOO_SMALL = -4,  /* too short, or too little room for what should go in */
    ERR_AUTH = -5,       /* a MAC, tag, seal or signature did not verify */
    ERR_ARG = -6,        /* the caller's argument is out of its range */
    ERR_NOMEM = -7,      /* no memory */
    ERR_SYS = -8,        /* a system call failed; errno says why */
    ERR_FORMAT = -9,     /* not a kind of file or image that we read */
    ERR_ROTATED = -10,   /* a photo that EXIF says is to be turned */
    ERR_BLANK = -11,     /* no ink: no signature in the scan */
    ERR_FLAT = -12,      /* a cover without texture */
    ERR_NOTFOUND = -13,  /* no such thing */
    ERR_EXISTS = -14,    /* is there already */
    ERR_CONFLICT = -15,  /* is there already, with other content */
    ERR_FULL = -16,      /* a quota or the disk is full */
    ERR_STATE = -17,     /* not legal now */
    ERR_REPLAY = -18,    /* seen before */
    ERR_EXPIRED = -19,   /* too old */
    ERR_DENIED = -20,    /* policy says no */
    ERR_LOCKED = -21,    /* in use by another process */
    ERR_PERMS = -22,     /* a file or folder that others may read */
    ERR_VERSION = -23,   /* written by a newer version */
    ERR_CLOSED = -24,    /* the peer closed the connection */
    ERR_TIMEOUT = -25,   /* no answer in time */
    ERR_UNSURE = -26     /* may or may not have happened: repeat the same call */
};

/* A few words for people, without a full stop; "unknown error" for a code not above. */
const char *err_str(int err);

#endif
