/* test_privileges.c - whom cloudd becomes, and that there is no way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cloudd/privileges.h"
#include "common/err.h"

#define OTHER_UID 54321 /* without an entry, one hopes */
#define OTHER_GID 54322

static char why[512];

static char *new_folder(uid_t uid, gid_t gid)
{
    char *dir = strdup("/tmp/inkpost-test-XXXXXX");

    assert_non_null(dir);
    assert_non_null(mkdtemp(dir));
    if (geteuid() == 0)
        assert_int_equal(chown(dir, uid, gid), 0);
    return dir;
}

static void remove_folder(char *dir)
{
    rmdir(dir);
    free(dir);
}

static void skip_unless_root(void)
{
    if (geteuid() != 0) {
        print_message("skip - not root\n");
        skip();
    }
}

static void privileges_find__no_user_given__is_who_we_are_or_the_owner(void **state)
{
    char *dir = new_folder(OTHER_UID, OTHER_GID);
    struct privileges p;

    (void)state;
    assert_int_equal(privileges_find(&p, NULL, dir, why, sizeof(why)), 0);
    if (geteuid() == 0) {
        assert_int_equal(p.uid, OTHER_UID);
        assert_int_equal(p.gid, OTHER_GID);
        assert_true(p.change);
        assert_string_equal(p.name, "54321");
    } else {
        assert_int_equal(p.uid, geteuid());
        assert_false(p.change);
    }
    remove_folder(dir);
}

static void privileges_find__home_of_root__stays_root(void **state)
{
    struct privileges p;
    char *dir;

    (void)state;
    skip_unless_root();
    dir = new_folder(0, 0);
    assert_int_equal(privileges_find(&p, NULL, dir, why, sizeof(why)), 0);
    assert_int_equal(p.uid, 0);
    assert_false(p.change);
    remove_folder(dir);
}

static void privileges_find__an_unknown_user__is_refused(void **state)
{
    struct privileges p;

    (void)state;
    assert_int_equal(privileges_find(&p, "no-such-user", "/", why, sizeof(why)), ERR_NOTFOUND);
    assert_non_null(strstr(why, "no-such-user"));
}

static void privileges_find__a_home_of_someone_else__is_refused(void **state)
{
    const struct passwd *nobody = getpwnam("nobody");
    struct privileges p;
    char *dir;

    (void)state;
    skip_unless_root();
    assert_non_null(nobody);
    dir = new_folder(OTHER_UID, OTHER_GID);
    assert_int_equal(privileges_find(&p, "nobody", dir, why, sizeof(why)), ERR_PERMS);
    assert_non_null(strstr(why, "chown"));
    assert_int_equal(chown(dir, nobody->pw_uid, nobody->pw_gid), 0);
    assert_int_equal(privileges_find(&p, "nobody", dir, why, sizeof(why)), 0);
    assert_int_equal(p.uid, nobody->pw_uid);
    assert_string_equal(p.name, "nobody");
    assert_true(p.change);
    remove_folder(dir);
}

static void privileges_find__a_home_that_is_not_there__is_left_to_its_opening(void **state)
{
    struct privileges p;

    (void)state;
    assert_int_equal(privileges_find(&p, NULL, "/no/such/folder", why, sizeof(why)), 0);
    assert_int_equal(p.uid, geteuid());
}

/* Children end with the number of the first check that fails. */
static int status_of(int (*run)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(run());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int has_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct v[_LINUX_CAPABILITY_U32S_3];

    memset(v, 0xff, sizeof(v));
    if (syscall(SYS_capget, &head, v) != 0)
        return 1;
    return (v[0].effective | v[0].permitted | v[0].inheritable | v[1].effective | v[1].permitted |
            v[1].inheritable) != 0;
}

static int drop_and_look(void)
{
    struct privileges p = {.uid = OTHER_UID, .gid = OTHER_GID, .change = 1};
    gid_t more[] = {1, 2, 3};

    if (setgroups(3, more) != 0)
        return 1;
    if (privileges_drop(&p, why, sizeof(why)) != 0)
        return 2;
    if (getuid() != OTHER_UID || geteuid() != OTHER_UID || getgid() != OTHER_GID)
        return 3;
    if (getgroups(0, NULL) != 0)
        return 4;
    if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setgroups(3, more) == 0)
        return 5;
    if (has_capabilities() || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0)
        return 6;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
               ? 0
               : 7;
}

static int drop_as_we_are(void)
{
    struct privileges p = {.uid = geteuid(), .gid = getegid()};

    if (privileges_drop(&p, why, sizeof(why)) != 0)
        return 1;
    if (has_capabilities())
        return 2;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 3;
}

/* What a kernel that lets us back would look like: the new user is root again. */
static int drop_to_no_avail(void)
{
    struct privileges p = {.uid = 0, .gid = 0, .change = 1};

    return privileges_drop(&p, why, sizeof(why)) == ERR_SYS ? 0 : 1;
}

static void privileges_drop__from_root__cannot_be_regained(void **state)
{
    (void)state;
    skip_unless_root();
    assert_int_equal(status_of(drop_and_look), 0);
}

static void privileges_drop__without_a_change__leaves_no_capability(void **state)
{
    (void)state;
    assert_int_equal(status_of(drop_as_we_are), 0);
}

static void privileges_drop__a_way_back_to_root__is_noticed(void **state)
{
    (void)state;
    skip_unless_root();
    assert_int_equal(status_of(drop_to_no_avail), 0);
}

static int raise_limits(void)
{
    struct rlimit low = {4096, 4096}, higher = {4096, 8192}, now;
    int may;

    if (setrlimit(RLIMIT_MEMLOCK, &low) != 0)
        return 1;
    may = geteuid() == 0 && setrlimit(RLIMIT_MEMLOCK, &higher) == 0; /* not in all containers */
    privileges_limits(1);
    if (getrlimit(RLIMIT_MEMLOCK, &now) != 0 || now.rlim_cur != now.rlim_max)
        return 2;
    return !may || now.rlim_cur >= 1 << 20 ? 0 : 3;
}

static void privileges_limits__too_low__root_raises_them(void **state)
{
    (void)state;
    assert_int_equal(status_of(raise_limits), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(privileges_find__no_user_given__is_who_we_are_or_the_owner),
        cmocka_unit_test(privileges_find__home_of_root__stays_root),
        cmocka_unit_test(privileges_find__an_unknown_user__is_refused),
        cmocka_unit_test(privileges_find__a_home_of_someone_else__is_refused),
        cmocka_unit_test(privileges_find__a_home_that_is_not_there__is_left_to_its_opening),
        cmocka_unit_test(privileges_drop__from_root__cannot_be_regained),
        cmocka_unit_test(privileges_drop__without_a_change__leaves_no_capability),
        cmocka_unit_test(privileges_drop__a_way_back_to_root__is_noticed),
        cmocka_unit_test(privileges_limits__too_low__root_raises_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
