/* privileges.c - from root to an ordinary user, and from there to no power beyond it. */
#include "cloudd/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"
#include "common/text.h"

#define SPARE_FILES     64
#define LOCKED_BASE     (8u << 20)
#define LOCKED_PER_CONN 256 /* a connection's keys, and its share of guard pages */

static int by_name(struct privileges *p, const char *user, char *why, size_t why_len)
{
    const struct passwd *pw;

    errno = 0;
    pw = getpwnam(user);
    if (pw == NULL)
        return say(why, why_len, ERR_NOTFOUND, "--user %s: %s", user,
                   errno != 0 ? strerror(errno)
                              : "there is no such user; make one with: useradd --system NAME");
    p->uid = pw->pw_uid;
    p->gid = pw->pw_gid;
    return 0;
}

/* The owner may be a number without an entry, in a container for instance: the folder's group. */
static void by_owner(struct privileges *p, const struct stat *st)
{
    const struct passwd *pw = getpwuid(st->st_uid);

    p->uid = st->st_uid;
    p->gid = pw != NULL ? pw->pw_gid : st->st_gid;
}

static void set_name(struct privileges *p)
{
    const struct passwd *pw = getpwuid(p->uid);

    if (pw != NULL)
        text_copy(p->name, sizeof(p->name), pw->pw_name);
    else
        snprintf(p->name, sizeof(p->name), "%lu", (unsigned long)p->uid);
}

int privileges_find(struct privileges *p, const char *user, const char *home, char *why,
                    size_t why_len)
{
    struct stat st;
    int there = stat(home, &st) == 0, root = geteuid() == 0, err;

    memset(p, 0, sizeof(*p));
    p->uid = geteuid();
    p->gid = getegid();
    if (user != NULL) {
        err = by_name(p, user, why, why_len);
        if (err != 0)
            return err;
    } else if (root && there && st.st_uid != 0) {
        by_owner(p, &st);
    }
    if (!root && p->uid != geteuid())
        return say(why, why_len, ERR_PERMS,
                   "--user %s: only root may become another user; start as %s and leave --user out",
                   user, user);
    if (user != NULL && there && st.st_uid != p->uid)
        return say(why, why_len, ERR_PERMS,
                   "home %s does not belong to %s; hand it over with: chown -R %s %s", home, user,
                   user, home);
    p->change = root && p->uid != 0;
    set_name(p);
    return 0;
}

/* Raise one limit to `wanted` where we may, else to what is allowed without asking. */
static rlim_t raise_one(__rlimit_resource_t what, rlim_t wanted)
{
    struct rlimit r, more;

    if (getrlimit(what, &r) != 0)
        return wanted;
    more = r;
    if (more.rlim_max != RLIM_INFINITY && more.rlim_max < wanted)
        more.rlim_max = wanted;
    more.rlim_cur = more.rlim_max;
    if (geteuid() == 0 && setrlimit(what, &more) == 0)
        return more.rlim_cur;
    r.rlim_cur = r.rlim_max;
    setrlimit(what, &r);
    return r.rlim_cur;
}

void privileges_limits(uint64_t connections)
{
    rlim_t files = raise_one(RLIMIT_NOFILE, (rlim_t)(connections + SPARE_FILES));

    raise_one(RLIMIT_MEMLOCK, (rlim_t)(LOCKED_BASE + LOCKED_PER_CONN * connections));
    if (files != RLIM_INFINITY && files < connections + SPARE_FILES)
        log_warn("the system allows %llu open files, fewer than --max-connections %llu; raise it "
                 "with: ulimit -n",
                 (unsigned long long)files, (unsigned long long)connections);
}

/* What exec(2) could give back. Only who may change its own capabilities may do this; the others
 * are held by "no new privileges". */
static void drop_bounding(void)
{
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            break;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3], left[_LINUX_CAPABILITY_U32S_3];

    memset(none, 0, sizeof(none));
    memset(left, 0xff, sizeof(left));
    if (syscall(SYS_capset, &head, none) != 0 || syscall(SYS_capget, &head, left) != 0)
        return ERR_SYS;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        if (left[i].effective != 0 || left[i].permitted != 0 || left[i].inheritable != 0)
            return ERR_SYS;
    return 0;
}

static int change_user(const struct privileges *p)
{
    if (setgroups(0, NULL) != 0 || setresgid(p->gid, p->gid, p->gid) != 0 ||
        setresuid(p->uid, p->uid, p->uid) != 0)
        return ERR_SYS;
    return 0;
}

/* All three ids are the new ones and the old ones are refused. */
static int changed_for_good(const struct privileges *p)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;

    if (getresuid(&r, &e, &s) != 0 || r != p->uid || e != p->uid || s != p->uid)
        return 0;
    if (getresgid(&rg, &eg, &sg) != 0 || rg != p->gid || eg != p->gid || sg != p->gid)
        return 0;
    if (getgroups(0, NULL) != 0)
        return 0;
    if (setuid(0) == 0 || seteuid(0) == 0)
        return 0;
    return p->gid == 0 || (setgid(0) != 0 && setegid(0) != 0);
}

int privileges_drop(const struct privileges *p, char *why, size_t why_len)
{
    drop_bounding();
    if (p->change && change_user(p) != 0)
        return say(why, why_len, ERR_SYS, "cannot become the user %s: %s", p->name,
                   strerror(errno));
    if (drop_capabilities() != 0)
        return say(why, why_len, ERR_SYS, "capabilities cannot be given up: %s", strerror(errno));
    if (p->change && !changed_for_good(p))
        return say(why, why_len, ERR_SYS, "root could be had back after becoming %s: not going on",
                   p->name);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return say(why, why_len, ERR_SYS, "new privileges cannot be ruled out: %s",
                   strerror(errno));
    /* A change of user may have made the process open to a debugger again. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return say(why, why_len, ERR_SYS, "tracing cannot be ruled out: %s", strerror(errno));
    return 0;
}
