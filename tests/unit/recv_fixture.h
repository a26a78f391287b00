/* recv_fixture.h - a receiving device "bob" in a folder of its own, a session that "alice" has with
 * it, and packages of that session. For the tests of the receiving engine. */
#ifndef INKPOST_TESTS_UNIT_RECV_FIXTURE_H
#define INKPOST_TESTS_UNIT_RECV_FIXTURE_H

#include "common/agent/receiving.h"

#define RX_SIDE 64 /* pixels, of the covers */

struct rx {
    char dir[64];
    struct home home;
    struct sql *db;
    struct session_keys keys; /* of session 1, with ck_0 */
};

/* A package and what it decodes to; m borrows from body. */
struct rx_package {
    uint8_t *body;
    size_t len;
    struct msg m;
};

/* cmocka set-up and tear-down: *state is a struct rx with an open state.db. */
int rx_setup(void **state);
int rx_teardown(void **state);
/* Close and open state.db again, as after a restart. */
void rx_reopen(struct rx *rx);

/* Put a session of alice's into the state; its keys follow from the number. */
void rx_session(struct rx *rx, unsigned number, int64_t created, struct session_keys *keys);
/* The same in the profile `sealed`, with this suite. */
void rx_session_sealed(struct rx *rx, unsigned number, uint8_t suite, struct session_keys *keys);
/* The package of (keys, index), genuine. Its nonce, and so its bytes, are new each time. */
void rx_make(struct rx_package *p, const struct session_keys *keys, uint64_t index, uint64_t seq,
             const char *text);
/* Encode p->m as it now stands, after the test changed a field. */
void rx_encode_again(struct rx_package *p);
void rx_package_free(struct rx_package *p);

/* deliver() in a transaction of its own, committed; the result must be 0. */
void rx_deliver(struct rx *rx, const struct rx_package *p, struct verdict *v);
/* Is the MAC of the receipt the session's? */
int rx_is_signed(const struct verdict *v, const struct session_keys *keys);
/* First column of the first row: numbers for assertions. */
int64_t rx_number(struct rx *rx, const char *text);

#endif
