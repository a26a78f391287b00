/* test_store_gate.c - packages of one stream do not overtake one that was refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_fixture.h"

static struct store_op *gated(uint64_t *gate, uint64_t order, uint64_t index, size_t len)
{
    struct store_op *op = fix_enqueue("a", "b", index, len, 0);

    op->u.enqueue.gate = gate;
    op->u.enqueue.order = order;
    op->u.enqueue.max_packages = 100;
    op->u.enqueue.max_bytes = 1000;
    return op;
}

static void enrol_both(struct fix *f)
{
    fix_enrol(f->s, "a", 1);
    fix_enrol(f->s, "b", 2);
}

static void gate__package_behind_a_refused_one__is_refused_although_it_would_fit(void **state)
{
    struct fix *f = *state;
    uint64_t gate = STORE_GATE_OPEN;

    enrol_both(f);
    fix_expect(f->s, gated(&gate, 0, 0, 800), STORE_OK, REASON_NONE);
    fix_expect(f->s, gated(&gate, 1, 1, 800), STORE_FULL, REASON_MAILBOX_FULL);
    assert_int_equal(gate, 1);
    fix_expect(f->s, gated(&gate, 2, 2, 100), STORE_FULL, REASON_STREAM_STOPPED);
    assert_int_equal(gate, 1);
    assert_int_equal(fix_mailbox(f->s, "b", NULL), 1);
}

static void gate__of_another_stream__does_not_matter(void **state)
{
    struct fix *f = *state;
    uint64_t first = STORE_GATE_OPEN, second = STORE_GATE_OPEN;

    enrol_both(f);
    fix_expect(f->s, gated(&first, 0, 0, 2000), STORE_FULL, REASON_MAILBOX_FULL);
    fix_expect(f->s, gated(&second, 1, 1, 100), STORE_OK, REASON_NONE);
    fix_expect(f->s, fix_enqueue("a", "b", 2, 100, 0), STORE_OK, REASON_NONE);
}

static void gate__refusal_for_another_cause__stays_open(void **state)
{
    struct fix *f = *state;
    uint64_t gate = STORE_GATE_OPEN;

    fix_enrol(f->s, "a", 1);
    fix_expect(f->s, gated(&gate, 0, 0, 100), STORE_NOTFOUND, REASON_UNKNOWN_PEER);
    assert_true(gate == STORE_GATE_OPEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            gate__package_behind_a_refused_one__is_refused_although_it_would_fit, fix_setup,
            fix_teardown),
        cmocka_unit_test_setup_teardown(gate__of_another_stream__does_not_matter, fix_setup,
                                        fix_teardown),
        cmocka_unit_test_setup_teardown(gate__refusal_for_another_cause__stays_open, fix_setup,
                                        fix_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
