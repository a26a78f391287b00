/* test_secret.c - hardening of the process, guarded memory, and owner-only files. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/secret.h"
#include "common/slab.h"

static char folder[64], path[96], tmp[104], other[96];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/inkpost-secret-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/key", folder);
    snprintf(tmp, sizeof tmp, "%s.tmp", path);
    snprintf(other, sizeof other, "%s/other", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    rmdir(tmp);
    unlink(tmp);
    return rmdir(folder);
}

static void secret_process_init__core_dumps_off_and_umask_tight(void **state)
{
    struct rlimit core;

    (void)state;
    assert_int_equal(secret_process_init(), 0);
    assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
    assert_int_equal(core.rlim_cur, 0);
    assert_int_equal(core.rlim_max, 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    assert_int_equal(umask(077), 077);
    assert_int_equal(secret_process_init(), 0);
}

static int child_without_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        (void)close(fd);
    if (secret_process_init() != 0)
        return 1;
    if (open(path, O_WRONLY | O_CREAT, 0600) <= 2)
        return 2;
    return write(1, "x", 1) == 1 || write(2, "x", 1) == 1 ? 3 : 0;
}

static void secret_process_init__closed_streams__are_nobody_elses_number(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0)
        _exit(child_without_streams());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void secret_alloc__memory__is_writable_and_freed(void **state)
{
    uint8_t *p = secret_alloc(100);

    (void)state;
    assert_non_null(p);
    memset(p, 1, 100);
    secret_free(p);
    secret_free(NULL);
    assert_null(secret_alloc(SIZE_MAX));
}

/* In a child without the right to lock: 0 refused, 1 given, 2 the limit does not hold (under ASan
 * mlock does nothing and succeeds). */
static int child_without_locking(void)
{
    const struct rlimit none = {0, 0};
    struct slab *slab = slab_new(80, 4);
    uint8_t byte;

    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0) ||
        mlock(&byte, 1) == 0)
        return 2;
    return secret_alloc(100) == NULL && slab_take(slab) == NULL ? 0 : 1;
}

static void secret_alloc__memory_cannot_be_locked__null(void **state)
{
    int status;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(child_without_locking());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2) {
        print_message("skip - the limit on locked memory does not hold here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void secret_write_file__then_read__same_bytes_mode_0600(void **state)
{
    uint8_t out[6];
    struct stat st;

    (void)state;
    umask(0);
    assert_int_equal(secret_write_file(path, "first!", 6), 0);
    umask(077);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(secret_read_file(path, out, 6), 0);
    assert_memory_equal(out, "first!", 6);
    assert_int_equal(secret_write_file(path, "second", 6), 0);
    assert_int_equal(secret_read_file(path, out, 6), 0);
    assert_memory_equal(out, "second", 6);
    assert_int_equal(access(tmp, F_OK), -1);
}

static void secret_write_file__left_over_temporary__replaced(void **state)
{
    uint8_t out[3], kept[4];

    (void)state;
    assert_int_equal(secret_write_file(other, "kept", 4), 0);
    assert_int_equal(symlink(other, tmp), 0);
    assert_int_equal(secret_write_file(path, "new", 3), 0);
    assert_int_equal(secret_read_file(path, out, 3), 0);
    assert_int_equal(secret_read_file(other, kept, 4), 0);
    assert_memory_equal(kept, "kept", 4);
}

static void secret_write_file__cannot__old_file_stays(void **state)
{
    uint8_t out[3];
    char missing[160];

    (void)state;
    assert_int_equal(secret_write_file(path, "old", 3), 0);
    assert_int_equal(mkdir(tmp, 0700), 0);
    assert_int_equal(secret_write_file(path, "new", 3), ERR_SYS);
    assert_int_equal(secret_read_file(path, out, 3), 0);
    assert_memory_equal(out, "old", 3);
    snprintf(missing, sizeof missing, "%s/no/such/folder", folder);
    assert_int_equal(secret_write_file(missing, "x", 1), ERR_SYS);
}

/* In a child, so that the file size limit ends with it. */
static void secret_write_file__disk_refuses_bytes__old_file_stays(void **state)
{
    const struct rlimit two = {2, 2};
    uint8_t out[3];
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(secret_write_file(path, "old", 3), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &two);
        _exit(secret_write_file(path, "newer", 5) == ERR_SYS && access(tmp, F_OK) != 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(secret_read_file(path, out, 3), 0);
    assert_memory_equal(out, "old", 3);
}

static void secret_read_file__loose_permissions__refused(void **state)
{
    (void)state;
    assert_int_equal(secret_write_file(path, "key", 3), 0);
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        uint8_t out[3] = {1, 1, 1};

        assert_int_equal(chmod(path, 0600 | bit), 0);
        assert_int_equal(secret_read_file(path, out, 3), ERR_PERMS);
        assert_true(sodium_is_zero(out, sizeof out));
    }
}

static void secret_read_file__wrong_owner__refused(void **state)
{
    uint8_t out[3];

    (void)state;
    if (geteuid() != 0) {
        print_message("skip - only root can give a file away\n");
        skip();
    }
    assert_int_equal(secret_write_file(path, "key", 3), 0);
    assert_int_equal(chown(path, 65534, 65534), 0);
    assert_int_equal(secret_read_file(path, out, 3), ERR_PERMS);
}

static void secret_read_file__other_length__refused(void **state)
{
    uint8_t out[8];

    (void)state;
    assert_int_equal(secret_write_file(path, "key", 3), 0);
    for (size_t len = 0; len <= sizeof out; len++)
        assert_int_equal(secret_read_file(path, out, len), len == 3 ? 0 : ERR_MALFORMED);
}

static void secret_read_file__not_a_plain_file__refused(void **state)
{
    uint8_t out[3];

    (void)state;
    assert_int_equal(secret_read_file(path, out, 3), ERR_NOTFOUND);
    assert_int_equal(secret_write_file(other, "key", 3), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(secret_read_file(path, out, 3), ERR_PERMS);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(secret_read_file(path, out, 3), ERR_MALFORMED);
    assert_int_equal(secret_read_file(folder, out, 3), ERR_MALFORMED);
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secret_process_init__core_dumps_off_and_umask_tight),
        FILE_TEST(secret_process_init__closed_streams__are_nobody_elses_number),
        cmocka_unit_test(secret_alloc__memory__is_writable_and_freed),
        cmocka_unit_test(secret_alloc__memory_cannot_be_locked__null),
        FILE_TEST(secret_write_file__then_read__same_bytes_mode_0600),
        FILE_TEST(secret_write_file__left_over_temporary__replaced),
        FILE_TEST(secret_write_file__cannot__old_file_stays),
        FILE_TEST(secret_write_file__disk_refuses_bytes__old_file_stays),
        FILE_TEST(secret_read_file__loose_permissions__refused),
        FILE_TEST(secret_read_file__wrong_owner__refused),
        FILE_TEST(secret_read_file__other_length__refused),
        FILE_TEST(secret_read_file__not_a_plain_file__refused),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
