/* test_slab.c - slots come zeroed, go wiped, and are never shared. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/slab.h"

#define SLOT 88

static void slab_take__after_give__is_zero(void **state)
{
    struct slab *slab = slab_new(SLOT, 1);
    uint8_t *a = slab_take(slab), *b;

    (void)state;
    assert_non_null(a);
    assert_true(sodium_is_zero(a, SLOT));
    memset(a, 0xff, SLOT);
    slab_give(slab, a);
    assert_true(sodium_is_zero(a, SLOT));
    b = slab_take(slab);
    assert_ptr_equal(a, b);
    assert_true(sodium_is_zero(b, SLOT));
    slab_free(slab);
}

static void slab_take__more_than_a_chunk__grows_and_slots_are_apart(void **state)
{
    enum { SLOTS = 1000 };
    static uint8_t *slot[SLOTS];
    struct slab *slab = slab_new(SLOT, 64);

    (void)state;
    for (size_t i = 0; i < SLOTS; i++) {
        slot[i] = slab_take(slab);
        assert_non_null(slot[i]);
        assert_int_equal((uintptr_t)slot[i] % 16, 0);
        memset(slot[i], (int)(i & 0xff), SLOT);
        memcpy(slot[i], &i, sizeof i);
    }
    assert_int_equal(slab_used(slab), SLOTS);
    for (size_t i = 0; i < SLOTS; i++) {
        assert_memory_equal(slot[i], &i, sizeof i);
        assert_int_equal(slot[i][SLOT - 1], i & 0xff);
    }
    slab_free(slab);
}

static void slab__many_takes_and_gives__keep_contents(void **state)
{
    enum { LIVE = 200, ROUNDS = 20000 };
    static uint8_t *slot[LIVE];
    struct slab *slab = slab_new(SLOT, 32);
    size_t used = 0;

    (void)state;
    memset(slot, 0, sizeof slot);
    for (int n = 0; n < ROUNDS; n++) {
        uint32_t i = randombytes_uniform(LIVE);

        if (slot[i] == NULL) {
            slot[i] = slab_take(slab);
            assert_non_null(slot[i]);
            assert_true(sodium_is_zero(slot[i], SLOT));
            memset(slot[i], (int)i + 1, SLOT);
            used++;
        } else {
            assert_int_equal(slot[i][0], i + 1);
            assert_int_equal(slot[i][SLOT - 1], i + 1);
            slab_give(slab, slot[i]);
            slot[i] = NULL;
            used--;
        }
    }
    assert_int_equal(slab_used(slab), used);
    for (size_t i = 0; i < LIVE; i++)
        slab_give(slab, slot[i]);
    assert_int_equal(slab_used(slab), 0);
    slab_free(slab);
}

/* The signal that ends a child which gives what it must not. */
static int signal_of(void (*misuse)(struct slab *, uint8_t *))
{
    const struct rlimit no_core = {0, 0};
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct slab *slab = slab_new(SLOT, 4);
        uint8_t *slot = slab_take(slab);

        setrlimit(RLIMIT_CORE, &no_core);
        misuse(slab, slot);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void give_twice(struct slab *slab, uint8_t *slot)
{
    slab_give(slab, slot);
    slab_give(slab, slot);
}

static void give_inside(struct slab *slab, uint8_t *slot)
{
    slab_give(slab, slot + 8);
}

static void give_foreign(struct slab *slab, uint8_t *slot)
{
    uint8_t other[SLOT];

    (void)slot;
    slab_give(slab, other);
}

static void give_properly(struct slab *slab, uint8_t *slot)
{
    slab_give(slab, slot);
}

static void slab_give__not_a_taken_slot__aborts(void **state)
{
    (void)state;
    assert_int_equal(signal_of(give_properly), 0);
    assert_int_equal(signal_of(give_twice), SIGABRT);
    assert_int_equal(signal_of(give_inside), SIGABRT);
    assert_int_equal(signal_of(give_foreign), SIGABRT);
}

static void slab__null_and_bad_sizes__are_safe(void **state)
{
    struct slab *slab = slab_new(1, 1);

    (void)state;
    assert_non_null(slab);
    slab_give(slab, NULL);
    slab_free(slab);
    slab_free(NULL);
    assert_null(slab_new(0, 1));
    assert_null(slab_new(1, 0));
    assert_null(slab_new(4097, 1));
    assert_null(slab_new(1, 65537));
    assert_null(slab_new(SIZE_MAX, SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slab_take__after_give__is_zero),
        cmocka_unit_test(slab_take__more_than_a_chunk__grows_and_slots_are_apart),
        cmocka_unit_test(slab__many_takes_and_gives__keep_contents),
        cmocka_unit_test(slab_give__not_a_taken_slot__aborts),
        cmocka_unit_test(slab__null_and_bad_sizes__are_safe),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
