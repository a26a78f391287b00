/*
 * test_confine.c - the fence around a running cloud. Each test puts it around a child: it cannot be
 * taken down again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cloudd/confine.h"
#include "common/err.h"
#include "tests/unit/store_fixture.h"

#define NO_LANDLOCK 77

/* How the functions below, which run in children, say that something is not as it should be: the
 * line becomes the exit status. */
#define CHECK(that)                                                                                \
    do {                                                                                           \
        if (!(that))                                                                               \
            return complain(__LINE__, #that);                                                      \
    } while (0)

static struct fix *fix; /* of the test that is running */

static int complain(int line, const char *what)
{
    char text[256];
    int n = snprintf(text, sizeof(text), "line %d: %s\n", line, what);

    return n > 0 && write(STDERR_FILENO, text, (size_t)n) > 0 ? 1 : 2;
}

static void skip_where_it_cannot_be(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

    if (confine_is_built_out()) {
        print_message("skip - a sanitizer needs what confinement forbids\n");
        skip();
    }
    if (preloaded != NULL && strstr(preloaded, "vgpreload") != NULL) {
        print_message("skip - valgrind needs what confinement forbids\n");
        skip();
    }
}

static int status_of(int (*run)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(run());
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void expect_done(int (*run)(void))
{
    int status = status_of(run);

    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_LANDLOCK) {
        print_message("skip - this kernel has no Landlock\n");
        skip();
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("exit %d, signal %d", WEXITSTATUS(status), WTERMSIG(status));
}

static void expect_signal(int (*run)(void), int sig, const char *what)
{
    int status = status_of(run);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
        fail_msg("%s: exit %d, signal %d", what, WEXITSTATUS(status), WTERMSIG(status));
}

static int no_new_privileges(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int in_home(void)
{
    struct confine c = {0, 0};
    char why[512];

    CHECK(no_new_privileges() == 0);
    CHECK(confine_files(&c, fix->dir, why, sizeof(why)) == 0);
    return c.landlock == 0 ? NO_LANDLOCK : 0;
}

static int with_calls(int explain)
{
    struct confine c = {0, 0};
    char why[512];

    CHECK(no_new_privileges() == 0);
    CHECK(confine_calls(&c, explain, why, sizeof(why)) == 0);
    CHECK(c.calls > 50);
    return 0;
}

static int open_file(const char *dir, const char *name, int flags)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return open(path, flags, 0600);
}

static int use_the_home(void)
{
    int rc = in_home(), fd;
    char path[256];

    if (rc != 0)
        return rc;
    fd = open_file(fix->dir, "new", O_RDWR | O_CREAT | O_EXCL);
    CHECK(fd >= 0);
    CHECK(write(fd, "abc", 3) == 3 && ftruncate(fd, 1) == 0 && fsync(fd) == 0);
    CHECK(open_file(fix->dir, "new", O_WRONLY | O_TRUNC) >= 0);
    CHECK(open(fix->dir, O_RDONLY | O_DIRECTORY) >= 0);
    CHECK(open("/dev/urandom", O_RDONLY) >= 0);
    CHECK(open("/dev/null", O_RDWR) >= 0);
    snprintf(path, sizeof(path), "%s/new", fix->dir);
    CHECK(unlink(path) == 0);
    return 0;
}

static int leave_the_home(void)
{
    char *const argv[] = {NULL};
    char path[256], inside[256];
    int rc;

    snprintf(path, sizeof(path), "%s/link", fix->dir);
    CHECK(symlink("/etc/passwd", path) == 0);
    rc = in_home();
    if (rc != 0)
        return rc;
    CHECK(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
    CHECK(open_file(fix->dir, "link", O_RDONLY) < 0 && errno == EACCES);
    CHECK(open_file("/tmp", "of-test-confine", O_WRONLY | O_CREAT) < 0 && errno == EACCES);
    CHECK(open_file(fix->dir, "../of-test-confine", O_WRONLY | O_CREAT) < 0 && errno == EACCES);
    CHECK(open("/", O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES);
    CHECK(open("/dev/urandom", O_WRONLY) < 0 && errno == EACCES);
    CHECK(execv("/bin/true", argv) < 0 && errno == EACCES);
    snprintf(inside, sizeof(inside), "%s/folder", fix->dir);
    CHECK(mkdir(inside, 0700) < 0 && errno == EACCES);
    return 0;
}

static int connect_out(void)
{
    struct confine c = {0, 0};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char why[512];

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(no_new_privileges() == 0);
    CHECK(confine_files(&c, fix->dir, why, sizeof(why)) == 0);
    if (c.landlock < 4)
        return NO_LANDLOCK;
    CHECK(connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EACCES);
    to.sin_port = htons(0);
    CHECK(bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EACCES);
    return 0;
}

static void confine_files__in_the_home__all_works(void **state)
{
    fix = *state;
    skip_where_it_cannot_be();
    expect_done(use_the_home);
}

static void confine_files__outside_the_home__nothing_is_reached(void **state)
{
    fix = *state;
    skip_where_it_cannot_be();
    expect_done(leave_the_home);
}

static void confine_files__connecting__is_refused(void **state)
{
    fix = *state;
    skip_where_it_cannot_be();
    expect_done(connect_out);
}

static void confine_files__a_home_that_is_not_there__is_an_error(void **state)
{
    struct confine c = {0, 0};
    char why[512] = "";

    (void)state;
    skip_where_it_cannot_be();
    if (confine_files(&c, "/no/such/folder", why, sizeof(why)) == 0) {
        print_message("skip - this kernel has no Landlock\n");
        skip();
    }
    assert_non_null(strstr(why, "/no/such/folder"));
    assert_int_equal(c.landlock, 0);
}

/* Each of these goes on, and exits 0, if it is let through. */
static int run_program(void)
{
    char *const argv[] = {NULL};

    CHECK(with_calls(0) == 0);
    execv("/bin/true", argv);
    return 0;
}

static int open_socket(void)
{
    CHECK(with_calls(0) == 0);
    socket(AF_INET, SOCK_STREAM, 0);
    return 0;
}

static int start_process(void)
{
    CHECK(with_calls(0) == 0);
    fork();
    return 0;
}

static int map_for_running(void)
{
    CHECK(with_calls(0) == 0);
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return 0;
}

static int make_runnable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(with_calls(0) == 0);
    mprotect(p, 4096, PROT_READ | PROT_EXEC);
    return 0;
}

static int signal_another(void)
{
    CHECK(with_calls(0) == 0);
    kill(getppid(), 0);
    return 0;
}

static int become_root(void)
{
    CHECK(with_calls(0) == 0);
    return setuid(0) != 0;
}

static int rename_file(void)
{
    CHECK(with_calls(0) == 0);
    return rename("/no/such/file", "/no/such/other") != 0;
}

static void confine_calls__each_forbidden_call__ends_the_process(void **state)
{
    static const struct {
        const char *what;
        int (*run)(void);
    } calls[] = {{"execve", run_program},   {"socket", open_socket},     {"fork", start_process},
                 {"mmap", map_for_running}, {"mprotect", make_runnable}, {"kill", signal_another},
                 {"setuid", become_root},   {"rename", rename_file}};

    (void)state;
    skip_where_it_cannot_be();
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        expect_signal(calls[i].run, SIGSYS, calls[i].what);
}

/* Released by a byte in the pipe, so certainly later than the fence. */
static void *break_out(void *arg)
{
    const int *from = arg;
    char byte;

    if (read(*from, &byte, 1) == 1)
        socket(AF_INET, SOCK_STREAM, 0);
    return NULL;
}

static int break_out_of_a_thread(void)
{
    pthread_t thread;
    int ends[2];

    CHECK(pipe(ends) == 0);
    CHECK(pthread_create(&thread, NULL, break_out, &ends[0]) == 0);
    CHECK(with_calls(0) == 0);
    CHECK(write(ends[1], "x", 1) == 1);
    pthread_join(thread, NULL);
    return 0;
}

static void confine_calls__threads_that_run_already__are_confined_too(void **state)
{
    (void)state;
    skip_where_it_cannot_be();
    expect_signal(break_out_of_a_thread, SIGSYS, "a thread");
}

static int said; /* the writing end of a pipe */

static int explain_itself(void)
{
    CHECK(dup2(said, STDERR_FILENO) >= 0);
    CHECK(with_calls(1) == 0);
    socket(AF_INET, SOCK_STREAM, 0);
    return 0;
}

static void confine_calls__explain__names_the_call_and_ends_the_same(void **state)
{
    char text[512] = "", number[64];
    int ends[2];

    (void)state;
    skip_where_it_cannot_be();
    assert_int_equal(pipe(ends), 0);
    said = ends[1];
    expect_signal(explain_itself, SIGSYS, "socket");
    close(ends[1]);
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    close(ends[0]);
    snprintf(number, sizeof(number), "system call number %04d", (int)SYS_socket);
    assert_non_null(strstr(text, number));
}

static int harmless(void)
{
    int ends[2], n = -1;
    char name[64];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(with_calls(0) == 0);
    CHECK(send(ends[0], "four", 4, MSG_NOSIGNAL) == 4);
    CHECK(ioctl(ends[1], FIONREAD, &n) == 0 && n == 4);
    CHECK(ioctl(ends[1], TIOCGWINSZ, name) < 0 && errno == ENOTTY);
    return 0;
}

static int abort_itself(void)
{
    CHECK(with_calls(0) == 0);
    abort();
}

static void confine_calls__what_serving_takes__is_let_through(void **state)
{
    (void)state;
    skip_where_it_cannot_be();
    expect_done(harmless);
    expect_signal(abort_itself, SIGABRT, "abort");
}

/* The store at work behind both fences, with its thread. */
static unsigned answered;

static void on_answer(struct store_op *op)
{
    answered += op->result == STORE_OK;
    fix_free(op);
}

static int finish(struct store *s, struct store_op *op)
{
    struct pollfd bell = {.fd = store_notify_fd(s), .events = POLLIN};
    unsigned before = answered;

    op->done = on_answer;
    store_submit(s, op);
    CHECK(poll(&bell, 1, 20000) == 1);
    store_complete(s);
    return answered == before + 1 ? 0 : 1;
}

static int copy_to(const char *dir)
{
    struct store_op *op = store_op_new(STORE_BACKUP, NULL);
    static char path[256];

    snprintf(path, sizeof(path), "%s/copy.db", dir);
    op->u.backup.path = path;
    return finish(fix->s, op);
}

static int store_at_work(void)
{
    char reserve[128];
    int rc;

    snprintf(reserve, sizeof(reserve), "%s-reserve", fix->path);
    rc = in_home();
    if (rc != 0)
        return rc;
    CHECK(store_start(fix->s) == 0);
    CHECK(with_calls(0) == 0);
    for (uint64_t i = 0; i < 200; i++)
        CHECK(finish(fix->s, fix_enqueue("ann", "bob", i, 9000, 0)) == 0);
    CHECK(unlink(reserve) == 0);
    CHECK(finish(fix->s, fix_enqueue("ann", "bob", 200, 9000, 0)) == 0);
    CHECK(access(reserve, F_OK) == 0);
    CHECK(finish(fix->s, fix_fetch("bob", 0)) == 0);
    CHECK(finish(fix->s, fix_receipt(1, "ann", "bob", 0, 1)) == 0);
    CHECK(copy_to(fix->dir) == 0);
    CHECK(copy_to("/tmp") != 0);
    store_close(fix->s);
    return 0;
}

static void confine__the_store_in_both_fences__works(void **state)
{
    fix = *state;
    skip_where_it_cannot_be();
    fix_enrol(fix->s, "ann", 1);
    fix_enrol(fix->s, "bob", 2);
    expect_done(store_at_work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(confine_files__in_the_home__all_works, fix_setup,
                                        fix_teardown),
        cmocka_unit_test_setup_teardown(confine_files__outside_the_home__nothing_is_reached,
                                        fix_setup, fix_teardown),
        cmocka_unit_test_setup_teardown(confine_files__connecting__is_refused, fix_setup,
                                        fix_teardown),
        cmocka_unit_test(confine_files__a_home_that_is_not_there__is_an_error),
        cmocka_unit_test(confine_calls__each_forbidden_call__ends_the_process),
        cmocka_unit_test(confine_calls__threads_that_run_already__are_confined_too),
        cmocka_unit_test(confine_calls__explain__names_the_call_and_ends_the_same),
        cmocka_unit_test(confine_calls__what_serving_takes__is_let_through),
        cmocka_unit_test_setup_teardown(confine__the_store_in_both_fences__works, fix_setup,
                                        fix_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
