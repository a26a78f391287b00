/*
 * confine.c - seccomp: the system calls that a running cloud makes, and no other.
 *
 * The lists are what strace shows of real runs - connections, SQLite with its log, the reserve
 * file, full disks, the way down - and what other versions of the C library and 32-bit systems call
 * in place of these. A name that the system does not know is passed over.
 */
#include "cloudd/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/err.h"
#include "common/log.h"
#include "common/text.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static const char *const allowed[] = {
    /* connections */
    "accept", "accept4", "read", "write", "readv", "writev", "recv", "recvfrom", "send", "sendto",
    "shutdown", "close", "getsockname", "getpeername", "getsockopt", "setsockopt", "fcntl",
    "fcntl64",
    /* the loop */
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "poll", "ppoll", "ppoll_time64",
    "timerfd_settime", "timerfd_settime64", "clock_gettime", "clock_gettime64", "clock_getres",
    "clock_getres_time64", "gettimeofday", "time", "getrusage",
    /* the database, its log and its reserve */
    "open", "openat", "stat", "stat64", "lstat", "lstat64", "fstat", "fstat64", "newfstatat",
    "fstatat64", "statx", "access", "faccessat", "faccessat2", "getcwd", "readlink", "readlinkat",
    "lseek", "_llseek", "pread64", "pwrite64", "fsync", "fdatasync", "ftruncate", "ftruncate64",
    "fallocate", "unlink", "unlinkat", "fchmod", "fchown", "fchown32", "statfs", "statfs64",
    "fstatfs", "fstatfs64", "nanosleep", "clock_nanosleep", "clock_nanosleep_time64",
    /* memory; mmap and mprotect have a condition */
    "brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock", "getrandom", "sysinfo",
    "sched_getaffinity",
    /* threads, signals, the end */
    "futex", "futex_time64", "sched_yield", "set_robust_list", "rseq", "membarrier",
    "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack",
    "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getuid32", "geteuid32",
    "getgid32", "getegid32", "exit", "exit_group"};

#define N_ALLOWED (sizeof(allowed) / sizeof(allowed[0]))

int confine_is_built_out(void)
{
    return SANITIZED;
}

static int add(scmp_filter_ctx filter, struct confine *c, const char *name, unsigned n_args,
               struct scmp_arg_cmp arg)
{
    int nr = seccomp_syscall_resolve_name(name), rc;

    /* Below zero: not a call of this architecture, or of no one. */
    if (nr < 0)
        return 0;
    rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, nr, n_args, &arg);
    if (rc == 0)
        c->calls++;
    return rc;
}

/* Calls that are allowed with certain arguments: no memory that can be run, no signal but to
 * ourselves (abort), no ioctl but the count of bytes that wait on a socket. */
static int add_conditions(scmp_filter_ctx filter, struct confine *c)
{
    const struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp ourselves = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0);
    int rc = add(filter, c, "mmap", 1, no_exec);

    if (rc == 0)
        rc = add(filter, c, "mmap2", 1, no_exec);
    if (rc == 0)
        rc = add(filter, c, "mprotect", 1, no_exec);
    if (rc == 0)
        rc = add(filter, c, "tgkill", 1, ourselves);
    if (rc == 0)
        rc = add(filter, c, "ioctl", 1, SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_NE, FIONREAD, 0));
    return rc;
}

static int load(struct confine *c, int explain)
{
    scmp_filter_ctx filter = seccomp_init(explain ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS);
    const struct scmp_arg_cmp none = {0};
    int rc;

    if (filter == NULL)
        return -ENOMEM;
    rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    for (size_t i = 0; rc == 0 && i < N_ALLOWED; i++)
        rc = add(filter, c, allowed[i], 0, none);
    if (rc == 0)
        rc = add_conditions(filter, c);
    /* A tree instead of a list, where libseccomp can; the meaning is the same. */
    if (rc == 0)
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    return rc;
}

/* Say which call it was and end as without the explanation: the signal, blocked in here, ends the
 * process on the way out. */
static void on_forbidden(int sig, siginfo_t *info, void *context)
{
    char line[] = "cloudd: confined: it may not make system call number 0000; see --no-confine\n";
    char *digit = strstr(line, "0000") + 3;

    (void)context;
    for (int n = info->si_syscall; n > 0 && *digit == '0'; n /= 10)
        *digit-- = (char)('0' + n % 10);
    if (write(STDERR_FILENO, line, sizeof(line) - 1) > 0)
        fsync(STDERR_FILENO);
    signal(sig, SIG_DFL);
    raise(sig);
}

static void explain_forbidden(void)
{
    struct sigaction a;

    memset(&a, 0, sizeof(a));
    a.sa_sigaction = on_forbidden;
    a.sa_flags = SA_SIGINFO;
    sigaction(SIGSYS, &a, NULL);
}

int confine_calls(struct confine *c, int explain, char *why, size_t why_len)
{
    int rc;

    c->calls = 0;
    if (confine_is_built_out())
        return 0;
    if (explain)
        explain_forbidden();
    rc = load(c, explain);
    if (rc == 0)
        return 0;
    c->calls = 0;
    return say(why, why_len, ERR_SYS,
               "the system calls cannot be restricted: %s; --no-confine starts all the same",
               strerror(-rc));
}

void confine_report(const struct confine *c, const char *user)
{
    char files[32] = "none";

    if (confine_is_built_out()) {
        log_warn("not confined: a build with sanitizers; no new privileges, user %s", user);
        return;
    }
    if (c->landlock == 0)
        log_warn("this kernel has no Landlock: file permissions alone keep cloudd in its home");
    else
        snprintf(files, sizeof(files), "v%d home only", c->landlock);
    log_info("confined: seccomp %u calls, landlock %s, no new privileges, user %s", c->calls, files,
             user);
}
