/*
 * confine_files.c - Landlock: the home and nothing else.
 *
 * The kernel's interface is written down here rather than taken from <linux/landlock.h>, which on
 * many systems is older than the kernel and lacks what that can do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cloudd/confine.h"
#include "common/err.h"
#include "common/text.h"

/* Numbers that are the same on all architectures. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define ASK_VERSION        1u
#define RULE_PATH          1
#define VERSION_REFER      2
#define VERSION_TRUNCATE   3
#define VERSION_NET        4
#define VERSION_IOCTL      5
#define VERSION_SCOPE      6
#define VERSION_KNOWN      VERSION_SCOPE
#define FS_WRITE_FILE      (1ull << 1)
#define FS_READ_FILE       (1ull << 2)
#define FS_READ_DIR        (1ull << 3)
#define FS_REMOVE_FILE     (1ull << 5)
#define FS_MAKE_FILE       (1ull << 8)
#define FS_VERSION_1       ((1ull << 13) - 1)
#define FS_REFER           (1ull << 13)
#define FS_TRUNCATE        (1ull << 14)
#define FS_IOCTL           (1ull << 15)
#define NET_BIND_CONNECT   3ull
#define SCOPE_SOCK_SIGNALS 3ull

/* What is governed; what no rule allows is forbidden. An older kernel knows only a first part. */
struct ruleset {
    uint64_t fs, net, scoped;
};

struct path_rule {
    uint64_t allowed;
    int32_t folder;
} __attribute__((packed));

static size_t ruleset_for(struct ruleset *r, int version)
{
    memset(r, 0, sizeof(*r));
    r->fs = FS_VERSION_1;
    if (version >= VERSION_REFER)
        r->fs |= FS_REFER;
    if (version >= VERSION_TRUNCATE)
        r->fs |= FS_TRUNCATE;
    if (version >= VERSION_IOCTL)
        r->fs |= FS_IOCTL;
    if (version < VERSION_NET)
        return sizeof(r->fs);
    r->net = NET_BIND_CONNECT;
    if (version < VERSION_SCOPE)
        return sizeof(r->fs) + sizeof(r->net);
    r->scoped = SCOPE_SOCK_SIGNALS;
    return sizeof(*r);
}

static int allow(int fd, const char *path, uint64_t what)
{
    struct path_rule rule = {.allowed = what};
    long rc;

    rule.folder = open(path, O_PATH | O_CLOEXEC);
    if (rule.folder < 0)
        return ERR_SYS;
    rc = syscall(SYS_landlock_add_rule, fd, RULE_PATH, &rule, 0);
    close(rule.folder);
    return rc == 0 ? 0 : ERR_SYS;
}

/* SQLite takes randomness from /dev/urandom, and fills a closed stdin with /dev/null; a jail
 * without them has nothing to allow. */
static int allow_device(int fd, const char *path, uint64_t what)
{
    return access(path, F_OK) != 0 ? 0 : allow(fd, path, what);
}

static int restrict_to(int fd, const char *home, const struct ruleset *r)
{
    uint64_t ours = r->fs & (FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_FILE |
                             FS_MAKE_FILE | FS_TRUNCATE);
    int err = allow(fd, home, ours);

    if (err == 0)
        err = allow_device(fd, "/dev/urandom", FS_READ_FILE);
    if (err == 0)
        err = allow_device(fd, "/dev/null", FS_READ_FILE | FS_WRITE_FILE);
    if (err == 0 && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        err = ERR_SYS;
    return err;
}

int confine_files(struct confine *c, const char *home, char *why, size_t why_len)
{
    struct ruleset r;
    long version;
    size_t len;
    int fd, err;

    c->landlock = 0;
    if (confine_is_built_out())
        return 0;
    version = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
    if (version < 1)
        return 0;
    version = version > VERSION_KNOWN ? VERSION_KNOWN : version;
    len = ruleset_for(&r, (int)version);
    fd = (int)syscall(SYS_landlock_create_ruleset, &r, len, 0);
    if (fd < 0)
        return say(why, why_len, ERR_SYS, "Landlock: %s; --no-confine starts without it",
                   strerror(errno));
    err = restrict_to(fd, home, &r);
    if (err != 0)
        say(why, why_len, err, "Landlock, for %s: %s; --no-confine starts without it", home,
            strerror(errno));
    else
        c->landlock = (int)version;
    close(fd);
    return err;
}
