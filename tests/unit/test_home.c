/*
 * test_home.c - a device's folder: made, enrolled, opened again; who may read it, who holds it, and
 * what becomes of a damaged device.conf.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/agent/home.h"
#include "common/err.h"
#include "common/suite.h"
#include "tests/unit/store_fixture.h"

static char top[] = "/tmp/test-home-XXXXXX";
static char dir[64];
static char why[WHY_MAX];

static int setup(void **state)
{
    (void)state;
    if (sodium_init() < 0)
        return -1;
    memcpy(top, "/tmp/test-home-XXXXXX", sizeof(top));
    assert_non_null(mkdtemp(top));
    snprintf(dir, sizeof(dir), "%s/d", top);
    why[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fix_remove(dir);
    fix_remove(top);
    return 0;
}

/* Make and enrol "alice" in dir. */
static void enrol(void)
{
    struct home h;

    assert_int_equal(home_prepare(&h, dir, why, sizeof(why)), 0);
    text_copy(h.id, sizeof(h.id), "alice");
    assert_int_equal(home_set_cloud(&h, "cloud.example:7411", why, sizeof(why)), 0);
    memset(h.cloud_key, 0xc1, KEY_BYTES);
    h.enrolment = 12;
    assert_int_equal(home_enrolled(&h, why, sizeof(why)), 0);
    home_close(&h);
}

/* Open and close; the result, with `why` set. */
static int try_open(enum conn_role role)
{
    struct home h;
    int err;

    why[0] = '\0';
    err = home_open(&h, dir, role, why, sizeof(why));
    home_close(&h);
    return err;
}

static void path_of(const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", dir, name);
}

static void write_conf(const char *text, size_t len)
{
    char path[PATH_MAX];
    FILE *f;

    path_of("device.conf", path);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

static size_t read_conf(char text[1024])
{
    char path[PATH_MAX];
    size_t len;
    FILE *f;

    path_of("device.conf", path);
    f = fopen(path, "rb");
    assert_non_null(f);
    len = fread(text, 1, 1023, f);
    fclose(f);
    text[len] = '\0';
    return len;
}

static unsigned mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

/* ---- made and opened ---- */

static void home_prepare__folder_and_key_are_private(void **state)
{
    char path[PATH_MAX];

    (void)state;
    enrol();
    assert_int_equal(mode_of(dir), 0700);
    path_of("device.key", path);
    assert_int_equal(mode_of(path), 0600);
    path_of("device.conf", path);
    assert_int_equal(mode_of(path), 0600);
}

static void home_open__what_was_enrolled(void **state)
{
    uint8_t cloud_key[KEY_BYTES], secret[KEY_BYTES], dev[KEY_BYTES], public[KEY_BYTES];
    struct home h;

    (void)state;
    memset(cloud_key, 0xc1, sizeof(cloud_key));
    enrol();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(home_open(&h, dir, ROLE_SEND, why, sizeof(why)), 0);
        assert_string_equal(h.id, "alice");
        assert_string_equal(h.host, "cloud.example");
        assert_int_equal(h.port, 7411);
        assert_int_equal(h.enrolment, 12);
        assert_memory_equal(h.cloud_key, cloud_key, KEY_BYTES);
        crypto_scalarmult_curve25519_base(public, h.secrets->key.secret_key);
        assert_memory_equal(h.secrets->key.public_key, public, KEY_BYTES);
        if (i > 0) {
            assert_memory_equal(h.secrets->key.secret_key, secret, KEY_BYTES);
            assert_memory_equal(h.secrets->dev, dev, KEY_BYTES);
        }
        memcpy(secret, h.secrets->key.secret_key, KEY_BYTES);
        memcpy(dev, h.secrets->dev, KEY_BYTES);
        home_close(&h);
    }
}

static void home_prepare__unfinished_enrolment__same_key_again(void **state)
{
    uint8_t public[KEY_BYTES], dev[KEY_BYTES];
    struct home h;

    (void)state;
    assert_int_equal(home_prepare(&h, dir, why, sizeof(why)), 0);
    memcpy(public, h.secrets->key.public_key, KEY_BYTES);
    memcpy(dev, h.secrets->dev, KEY_BYTES);
    home_close(&h);
    assert_int_equal(home_prepare(&h, dir, why, sizeof(why)), 0);
    assert_memory_equal(public, h.secrets->key.public_key, KEY_BYTES);
    assert_memory_equal(dev, h.secrets->dev, KEY_BYTES);
    home_close(&h);
}

static void home_prepare__enrolled_already__exists(void **state)
{
    struct home h;

    (void)state;
    enrol();
    assert_int_equal(home_prepare(&h, dir, why, sizeof(why)), ERR_EXISTS);
    assert_non_null(strstr(why, dir));
    home_close(&h);
}

static void home_prepare__two_homes__other_keys(void **state)
{
    uint8_t public[KEY_BYTES];
    struct home h;

    (void)state;
    assert_int_equal(home_prepare(&h, dir, why, sizeof(why)), 0);
    memcpy(public, h.secrets->key.public_key, KEY_BYTES);
    home_close(&h);
    fix_remove(dir);
    assert_int_equal(home_prepare(&h, dir, why, sizeof(why)), 0);
    assert_memory_not_equal(public, h.secrets->key.public_key, KEY_BYTES);
    home_close(&h);
}

static void home_save__cloud_was_set__remembered(void **state)
{
    struct home h;

    (void)state;
    enrol();
    assert_int_equal(home_open(&h, dir, ROLE_SEND, why, sizeof(why)), 0);
    assert_int_equal(home_set_cloud(&h, "[::1]:99", why, sizeof(why)), 0);
    assert_int_equal(home_save(&h, why, sizeof(why)), 0);
    home_close(&h);
    assert_int_equal(home_open(&h, dir, ROLE_RECV, why, sizeof(why)), 0);
    assert_string_equal(h.host, "::1");
    assert_int_equal(h.port, 99);
    assert_string_equal(h.id, "alice");
    assert_int_equal(home_set_cloud(&h, "nonsense", why, sizeof(why)), ERR_ARG);
    assert_int_equal(home_set_cloud(&h, "host:0", why, sizeof(why)), ERR_ARG);
    home_close(&h);
}

/* ---- refused ---- */

static void home_save__suites_were_set__remembered_and_offered(void **state)
{
    struct list offered, local;
    struct home h;

    (void)state;
    enrol();
    suite_list_local(&local);
    assert_int_equal(home_open(&h, dir, 0, why, sizeof(why)), 0);
    home_suites(&h, &offered);
    assert_int_equal(offered.n, local.n);
    assert_memory_equal(offered.v, local.v, local.n);
    assert_int_equal(home_set_suites(&h, "none,chacha20-poly1305", why, sizeof(why)), 0);
    assert_int_equal(home_save(&h, why, sizeof(why)), 0);
    home_close(&h);
    assert_int_equal(home_open(&h, dir, 0, why, sizeof(why)), 0);
    home_suites(&h, &offered);
    assert_int_equal(offered.n, 2);
    assert_int_equal(offered.v[0], SUITE_NONE);
    assert_int_equal(offered.v[1], SUITE_CHACHA20_POLY1305);
    assert_int_equal(home_set_suites(&h, "all", why, sizeof(why)), 0);
    home_suites(&h, &offered);
    assert_int_equal(offered.n, local.n);
    home_close(&h);
}

static void home_close__set_but_not_saved__forgotten(void **state)
{
    struct home h;

    (void)state;
    enrol();
    assert_int_equal(home_open(&h, dir, 0, why, sizeof(why)), 0);
    assert_int_equal(home_set_cloud(&h, "elsewhere:1", why, sizeof(why)), 0);
    assert_int_equal(home_set_suites(&h, "none", why, sizeof(why)), 0);
    home_close(&h);
    assert_int_equal(home_open(&h, dir, 0, why, sizeof(why)), 0);
    assert_string_equal(h.host, "cloud.example");
    assert_int_equal(h.suites.n, 0);
    home_close(&h);
}

static void home_set_suites__what_is_no_set__refused_and_the_old_one_kept(void **state)
{
    struct home h;

    (void)state;
    enrol();
    assert_int_equal(home_open(&h, dir, 0, why, sizeof(why)), 0);
    assert_int_equal(home_set_suites(&h, "chacha20-poly1305", why, sizeof(why)), 0);
    assert_int_equal(home_set_suites(&h, "chacha20-poly1305,rot13", why, sizeof(why)), ERR_ARG);
    assert_non_null(strstr(why, "rot13"));
    if (!suite_find(SUITE_AES_256_GCM)->available())
        assert_int_equal(home_set_suites(&h, "aes-256-gcm", why, sizeof(why)), ERR_ARG);
    assert_int_equal(h.suites.n, 1);
    assert_int_equal(h.suites.v[0], SUITE_CHACHA20_POLY1305);
    home_close(&h);
}

static void home_open__no_folder_or_nothing_enrolled__not_found(void **state)
{
    struct home h;

    (void)state;
    assert_int_equal(try_open(ROLE_SEND), ERR_NOTFOUND);
    assert_non_null(strstr(why, dir));
    assert_int_equal(home_prepare(&h, dir, why, sizeof(why)), 0);
    home_close(&h);
    assert_int_equal(try_open(ROLE_SEND), ERR_NOTFOUND);
}

static void home_open__folder_open_to_others__perms(void **state)
{
    (void)state;
    enrol();
    for (unsigned bit = 1; bit < 0100; bit <<= 1) {
        assert_int_equal(chmod(dir, 0700 | bit), 0);
        assert_int_equal(try_open(ROLE_SEND), ERR_PERMS);
        assert_non_null(strstr(why, "chmod 700"));
    }
    assert_int_equal(chmod(dir, 0700), 0);
    assert_int_equal(try_open(ROLE_SEND), 0);
}

static void home_open__key_open_to_others__perms(void **state)
{
    char path[PATH_MAX];

    (void)state;
    enrol();
    path_of("device.key", path);
    for (unsigned bit = 1; bit < 0100; bit <<= 1) {
        assert_int_equal(chmod(path, 0600 | bit), 0);
        assert_int_equal(try_open(ROLE_RECV), ERR_PERMS);
        assert_non_null(strstr(why, "device.key"));
    }
}

static void home_open__key_cut_or_missing__refused(void **state)
{
    char path[PATH_MAX];

    (void)state;
    enrol();
    path_of("device.key", path);
    assert_int_equal(truncate(path, 63), 0);
    assert_int_equal(try_open(ROLE_SEND), ERR_MALFORMED);
    assert_int_equal(truncate(path, 65), 0);
    assert_int_equal(try_open(ROLE_SEND), ERR_MALFORMED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(try_open(ROLE_SEND), ERR_NOTFOUND);
    assert_non_null(strstr(why, "device.key"));
}

static void home_open__path_too_long__refused(void **state)
{
    char path[PATH_MAX + 1];
    struct home h;

    (void)state;
    memset(path, 'a', PATH_MAX);
    path[PATH_MAX] = '\0';
    assert_int_equal(home_open(&h, path, ROLE_SEND, why, sizeof(why)), ERR_ARG);
    home_close(&h);
    assert_int_equal(home_prepare(&h, path, why, sizeof(why)), ERR_ARG);
    home_close(&h);
}

static void home_open__one_program_a_role(void **state)
{
    struct home sender, receiver, none;

    (void)state;
    enrol();
    assert_int_equal(home_open(&sender, dir, ROLE_SEND, why, sizeof(why)), 0);
    assert_int_equal(try_open(ROLE_SEND), ERR_LOCKED);
    assert_non_null(strstr(why, dir));
    assert_int_equal(home_open(&receiver, dir, ROLE_RECV, why, sizeof(why)), 0);
    assert_int_equal(try_open(ROLE_RECV), ERR_LOCKED);
    assert_int_equal(home_open(&none, dir, 0, why, sizeof(why)), 0);
    home_close(&none);
    home_close(&sender);
    assert_int_equal(try_open(ROLE_SEND), 0);
    assert_int_equal(try_open(ROLE_RECV), ERR_LOCKED);
    home_close(&receiver);
    assert_int_equal(try_open(ROLE_RECV), 0);
}

/* ---- device.conf ---- */

static void home_open__conf_of_a_newer_version__version(void **state)
{
    char text[1024], newer[1100];
    const char *rest;

    (void)state;
    enrol();
    read_conf(text);
    rest = strchr(text, '\n');
    assert_non_null(rest);
    snprintf(newer, sizeof(newer), "inkpost-device 2%s", rest);
    write_conf(newer, strlen(newer));
    assert_int_equal(try_open(ROLE_SEND), ERR_VERSION);
    snprintf(newer, sizeof(newer), "inkpost-device 999\nfields nobody knows yet\n");
    write_conf(newer, strlen(newer));
    assert_int_equal(try_open(ROLE_SEND), ERR_VERSION);
    assert_non_null(strstr(why, "newer"));
}

static void home_open__conf_cut_anywhere__malformed_or_what_was_left_is_whole(void **state)
{
    char text[1024];
    size_t len;

    (void)state;
    enrol();
    len = read_conf(text);
    for (size_t n = 0; n < len; n++) {
        int err;

        write_conf(text, n);
        err = try_open(0);
        /* Without its last newline, or with a digit less of the last number, it can be read. */
        if (n < len - 2)
            assert_int_equal(err, ERR_MALFORMED);
        else
            assert_int_equal(err, 0);
    }
}

static void home_open__conf_with_a_line_less_or_a_wrong_one__malformed(void **state)
{
    static const char *const lines[] = {"inkpost-device 1", "id alice", "host h", "port 1",
                                        "cloud-key "
                                        "00112233445566778899aabbccddeeff"
                                        "00112233445566778899aabbccddeeff",
                                        "enrolment 1"};
    static const char *const wrong[] = {"inkpost-device 0", "id Alice", "host", "port 65536",
                                        "cloud-key 00", "enrolment 0"};
    const size_t n = sizeof(lines) / sizeof(lines[0]);
    char text[1024];

    (void)state;
    enrol();
    for (size_t bad = 0; bad < 2 * n + 1; bad++) {
        size_t len = 0;

        for (size_t i = 0; i < n; i++)
            if (bad != i)
                len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n",
                                        bad == n + i ? wrong[i] : lines[i]);
        write_conf(text, len);
        assert_int_equal(try_open(0), bad == 2 * n ? 0 : ERR_MALFORMED);
        if (bad < 2 * n)
            assert_non_null(strstr(why, "device.conf is damaged"));
    }
}

static void home_open__conf_with_suites_that_are_none__malformed(void **state)
{
    static const char whole[] = "inkpost-device 1\nid alice\nhost h\nport 1\ncloud-key "
                                "00112233445566778899aabbccddeeff"
                                "00112233445566778899aabbccddeeff\nenrolment 1\nsuites ";
    static const char *const suites[] = {"none\n", "\n", "rot13\n", "none,none\n", "none,\n"};
    char text[1024];

    (void)state;
    enrol();
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        int len = snprintf(text, sizeof(text), "%s%s", whole, suites[i]);

        write_conf(text, (size_t)len);
        assert_int_equal(try_open(0), i == 0 ? 0 : ERR_MALFORMED);
    }
}

static void home_open__conf_with_any_bit_flipped__never_another_id_length_or_crash(void **state)
{
    char text[1024];
    size_t len;

    (void)state;
    enrol();
    len = read_conf(text);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        struct home h = {0};
        char copy[1024];
        int err;

        memcpy(copy, text, len + 1);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (char)(1u << bit % 8));
        err = home_parse(&h, copy, len, why, sizeof(why));
        assert_true(err == 0 || err == ERR_MALFORMED || err == ERR_VERSION);
        if (err == 0) {
            assert_true(id_is_valid(h.id, strlen(h.id)));
            assert_true(h.port > 0 && h.enrolment > 0);
        }
    }
}

static void home_open__conf_that_is_a_link__refused(void **state)
{
    char path[PATH_MAX], other[PATH_MAX];

    (void)state;
    enrol();
    path_of("device.conf", path);
    path_of("elsewhere", other);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_not_equal(try_open(ROLE_SEND), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(home_prepare__folder_and_key_are_private),
        T(home_open__what_was_enrolled),
        T(home_prepare__unfinished_enrolment__same_key_again),
        T(home_prepare__enrolled_already__exists),
        T(home_prepare__two_homes__other_keys),
        T(home_save__cloud_was_set__remembered),
        T(home_save__suites_were_set__remembered_and_offered),
        T(home_close__set_but_not_saved__forgotten),
        T(home_set_suites__what_is_no_set__refused_and_the_old_one_kept),
        T(home_open__no_folder_or_nothing_enrolled__not_found),
        T(home_open__folder_open_to_others__perms),
        T(home_open__key_open_to_others__perms),
        T(home_open__key_cut_or_missing__refused),
        T(home_open__path_too_long__refused),
        T(home_open__one_program_a_role),
        T(home_open__conf_of_a_newer_version__version),
        T(home_open__conf_cut_anywhere__malformed_or_what_was_left_is_whole),
        T(home_open__conf_with_a_line_less_or_a_wrong_one__malformed),
        T(home_open__conf_with_suites_that_are_none__malformed),
        T(home_open__conf_with_any_bit_flipped__never_another_id_length_or_crash),
        T(home_open__conf_that_is_a_link__refused),
    };

    return cmocka_run_group_tests_name("home", tests, NULL, NULL);
}
