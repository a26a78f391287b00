/* test_feed.c - lines of stdin as messages: whose they are, what is left out, how many at once, and
 * when it is over. The sending engine has no connection here, so messages stay in the outbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Before cmocka.h, whose macro fail() is not ours. */
#include "common/agent/feed.h"

#include <cmocka.h>
#include <sodium.h>

#include "common/err.h"
#include "common/pgm.h"
#include "tests/unit/covers.h"
#include "tests/unit/store_fixture.h"

#define SIDE 64

struct desk {
    struct device device;
    struct sender *sender;
    struct feed *feed;
    char covers[PATH_MAX];
    int pipe[2]; /* write to [1] */
    int over, left_out, broken;
    size_t unaddressed;
};

static void on_status(void *arg, const struct out_item *item, enum out_status status,
                      unsigned reason)
{
    (void)arg;
    (void)item;
    (void)status;
    (void)reason;
}

static void on_over(void *arg)
{
    ((struct desk *)arg)->over++;
}

static void on_trouble(void *arg, enum feed_trouble what)
{
    struct desk *d = arg;

    if (what == FEED_LEFT_OUT)
        d->left_out++;
    else
        d->broken++;
}

static void on_unaddressed(void *arg, size_t lines)
{
    ((struct desk *)arg)->unaddressed += lines;
}

static void write_cover(const char *folder, const char *name, uint32_t number)
{
    uint8_t pixels[SIDE * SIDE], file[PGM_HEADER_MAX + SIDE * SIDE];
    char path[PATH_MAX + 32];
    size_t len;
    FILE *f;

    cover_random(pixels, sizeof(pixels), number);
    assert_int_equal(pgm_write(file, sizeof(file), &len, SIDE, SIDE, pixels), 0);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(file, 1, len, f), len);
    fclose(f);
}

static int setup(void **state)
{
    static const struct sender_handlers handlers = {.status = on_status};
    struct desk *d = calloc(1, sizeof(*d));
    char why[WHY_MAX];

    assert_non_null(d);
    if (sodium_init() < 0)
        return -1;
    text_copy(d->device.home.dir, sizeof(d->device.home.dir), "/tmp/test-feed-XXXXXX");
    assert_non_null(mkdtemp(d->device.home.dir));
    text_copy(d->covers, sizeof(d->covers), "/tmp/test-covers-XXXXXX");
    assert_non_null(mkdtemp(d->covers));
    write_cover(d->covers, "1.pgm", 1);
    write_cover(d->covers, "2.pgm", 2);
    text_copy(d->device.home.id, sizeof(d->device.home.id), "alice");
    assert_int_equal(state_open(&d->device.db, &d->device.home, why, sizeof(why)), 0);
    d->device.base = device_base();
    d->sender = sender_new(&(struct sender_config){.base = d->device.base,
                                                   .db = d->device.db,
                                                   .home = &d->device.home,
                                                   .handlers = &handlers,
                                                   .arg = d});
    assert_non_null(d->sender);
    assert_int_equal(pipe(d->pipe), 0);
    *state = d;
    return 0;
}

static int teardown(void **state)
{
    struct desk *d = *state;

    feed_free(d->feed);
    sender_free(d->sender);
    event_base_free(d->device.base);
    state_close(d->device.db);
    close(d->pipe[0]);
    if (d->pipe[1] >= 0)
        close(d->pipe[1]);
    fix_remove(d->device.home.dir);
    fix_remove(d->covers);
    free(d);
    return 0;
}

/* A feed of messages that hold at most max bytes. */
static int make_feed(struct desk *d, const char *to, size_t max)
{
    static const struct feed_handlers handlers = {on_over, on_trouble, on_unaddressed};
    struct feed_config config = {.device = &d->device,
                                 .sender = d->sender,
                                 .covers = d->covers,
                                 .to = to,
                                 .fd = d->pipe[0],
                                 .handlers = &handlers,
                                 .arg = d};

    config.kind = (struct message_kind){&profile_auth, max, 1, STEGO_LIGHT};
    return feed_new(&d->feed, &config);
}

static void begin(struct desk *d, const char *to)
{
    assert_int_equal(make_feed(d, to, 1000), 0);
    feed_start(d->feed);
}

static void turn(struct desk *d)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(d->device.base, EVLOOP_NONBLOCK);
}

/* Type, and let it be read. */
static void type(struct desk *d, const char *text)
{
    assert_int_equal(write(d->pipe[1], text, strlen(text)), strlen(text));
    turn(d);
}

static void hang_up(struct desk *d)
{
    close(d->pipe[1]);
    d->pipe[1] = -1;
    turn(d);
}

static uint64_t queued(struct desk *d, const char *peer)
{
    uint64_t waiting, packed;

    assert_int_equal(outbox_count(d->device.db, peer, &waiting, &packed), 0);
    return waiting;
}

/* The oldest message to peer is this one; it is taken out. */
static void check_next(struct desk *d, const char *peer, const char *text)
{
    struct out_item item;

    assert_int_equal(outbox_next_queued(d->device.db, peer, &item), 0);
    assert_int_equal(item.message.len, strlen(text));
    assert_memory_equal(item.message.p, text, strlen(text));
    assert_int_equal(item.profile, PROFILE_AUTH);
    assert_true(item.exact);
    assert_int_equal(outbox_delete(d->device.db, item.id), 0);
    out_item_free(&item);
}

static void feed__lines__are_messages_in_order(void **state)
{
    struct desk *d = *state;

    begin(d, "bob");
    type(d, "one\n\nthree");
    assert_int_equal(queued(d, "bob"), 2);
    type(d, " and more\nthe last");
    hang_up(d);
    check_next(d, "bob", "one");
    check_next(d, "bob", "");
    check_next(d, "bob", "three and more");
    check_next(d, "bob", "the last");
    assert_int_equal(queued(d, NULL), 0);
}

static void feed__covers__take_turns(void **state)
{
    struct desk *d = *state;
    struct out_item items[3];

    begin(d, "bob");
    type(d, "1\n2\n3\n");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(outbox_next_queued(d->device.db, "bob", &items[i]), 0);
        assert_int_equal(outbox_delete(d->device.db, items[i].id), 0);
        assert_int_equal(items[i].cover.len, items[0].cover.len);
    }
    assert_memory_not_equal(items[0].cover.p, items[1].cover.p, items[0].cover.len);
    assert_memory_equal(items[0].cover.p, items[2].cover.p, items[0].cover.len);
    for (int i = 0; i < 3; i++)
        out_item_free(&items[i]);
}

static void feed__a_line_too_long__is_left_out_alone(void **state)
{
    struct desk *d = *state;

    assert_int_equal(make_feed(d, "bob", 8), 0);
    feed_start(d->feed);
    type(d, "12345678\n123456789\nshort\n1234567");
    type(d, "890 and");
    type(d, " on and on\nlast\n123456789");
    hang_up(d);
    check_next(d, "bob", "12345678");
    check_next(d, "bob", "short");
    check_next(d, "bob", "last");
    assert_int_equal(queued(d, NULL), 0);
    assert_int_equal(d->left_out, 3);
}

static void feed__nobody_is_known__says_how_many_lines_it_did_not_take(void **state)
{
    struct desk *d = *state;

    begin(d, NULL);
    type(d, "to whom?\nand this?\n");
    assert_int_equal(d->unaddressed, 2);
    assert_int_equal(queued(d, NULL), 0);
    feed_address(d->feed, "carol");
    type(d, "now\n");
    assert_int_equal(d->unaddressed, 2);
    check_next(d, "carol", "now");
}

static void feed__addressed_again__goes_to_the_last_one_named(void **state)
{
    struct desk *d = *state;

    begin(d, NULL);
    feed_address(d->feed, "carol");
    type(d, "to carol\nbegun for carol, ");
    feed_address(d->feed, "bob");
    type(d, "entered for bob\n");
    check_next(d, "carol", "to carol");
    check_next(d, "bob", "begun for carol, entered for bob");
}

static void feed__with_to__is_not_addressed_by_others(void **state)
{
    struct desk *d = *state;

    begin(d, "bob");
    feed_address(d->feed, "carol");
    type(d, "for bob\n");
    check_next(d, "bob", "for bob");
    assert_int_equal(queued(d, "carol"), 0);
}

static void feed__many_under_way__waits_until_some_have_ended(void **state)
{
    struct desk *d = *state;
    uint64_t taken;

    begin(d, "bob");
    for (int i = 0; i < 700; i++)
        type(d, "line\n");
    taken = queued(d, "bob");
    assert_int_equal(taken, 512);
    for (int i = 0; i < 255; i++)
        feed_ended(d->feed, "bob");
    type(d, "line\n");
    assert_int_equal(queued(d, "bob"), taken);
    feed_ended(d->feed, "bob");
    type(d, "line\n");
    assert_int_equal(queued(d, "bob"), 702);
}

/* n lines in one write. */
static void type_lines(struct desk *d, int n)
{
    char text[2048] = "";

    for (int i = 0; i < n; i++)
        strcat(text, "x\n");
    type(d, text);
}

static void feed__many_lines_at_once__wait_in_memory_until_some_have_ended(void **state)
{
    struct desk *d = *state;

    begin(d, "bob");
    type_lines(d, 1000);
    hang_up(d);
    assert_int_equal(queued(d, "bob"), 512);
    for (int i = 0; i < 256; i++)
        feed_ended(d->feed, "bob");
    turn(d);
    assert_int_equal(queued(d, "bob"), 768);
    for (int i = 0; i < 512; i++)
        feed_ended(d->feed, "bob");
    turn(d);
    assert_int_equal(queued(d, "bob"), 1000);
    assert_int_equal(d->over, 0);
    for (int i = 0; i < 232; i++)
        feed_ended(d->feed, "bob");
    assert_int_equal(d->over, 1);
}

static void feed__end_of_input__is_over_when_all_have_ended(void **state)
{
    struct desk *d = *state;

    begin(d, "bob");
    type(d, "one\ntwo\n");
    hang_up(d);
    assert_int_equal(d->over, 0);
    feed_ended(d->feed, "bob");
    feed_ended(d->feed, "carol"); /* an earlier message to another */
    assert_int_equal(d->over, 0);
    feed_ended(d->feed, "bob");
    assert_int_equal(d->over, 1);
}

static void feed__earlier_messages__are_waited_for_as_well(void **state)
{
    struct desk *d = *state;
    struct out_item item = {.peer = "bob", .profile = PROFILE_AUTH};
    uint8_t bytes[1] = {'x'};

    item.message = item.cover = (struct out_bytes){bytes, 1};
    assert_int_equal(sender_add(d->sender, &item), 0);
    begin(d, "bob");
    hang_up(d);
    assert_int_equal(d->over, 0);
    feed_ended(d->feed, "bob");
    assert_int_equal(d->over, 1);
}

static void feed__stopped__takes_nothing_more(void **state)
{
    struct desk *d = *state;

    begin(d, "bob");
    type(d, "one\n");
    feed_stop(d->feed);
    type(d, "two\n");
    hang_up(d);
    feed_ended(d->feed, "bob");
    assert_int_equal(queued(d, "bob"), 1);
    assert_int_equal(d->over, 0);
}

static void feed__state_cannot_be_written__says_so_and_stops(void **state)
{
    struct desk *d = *state;

    begin(d, "bob");
    assert_int_equal(sql_exec(d->device.db, "PRAGMA query_only = 1"), 0);
    type(d, "one\n");
    assert_int_equal(d->broken, 1);
    assert_int_equal(sql_exec(d->device.db, "PRAGMA query_only = 0"), 0);
    type(d, "two\n");
    assert_int_equal(queued(d, NULL), 0);
}

static void feed__state_cannot_be_written__takes_none_of_many_lines(void **state)
{
    struct desk *d = *state;

    begin(d, "bob");
    assert_int_equal(sql_exec(d->device.db, "PRAGMA query_only = 1"), 0);
    type_lines(d, 300);
    assert_int_equal(d->broken, 1);
    assert_int_equal(queued(d, NULL), 0);
}

static void feed_new__to_nobody_or_oneself_or_without_covers__is_refused(void **state)
{
    struct desk *d = *state;

    assert_int_equal(make_feed(d, "Not An Id", 1000), EXIT_USAGE);
    assert_int_equal(make_feed(d, "alice", 1000), EXIT_USAGE);
    fix_remove(d->covers);
    assert_int_equal(make_feed(d, "bob", 1000), EXIT_FAILED);
    assert_null(d->feed);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(feed__lines__are_messages_in_order),
        T(feed__covers__take_turns),
        T(feed__a_line_too_long__is_left_out_alone),
        T(feed__nobody_is_known__says_how_many_lines_it_did_not_take),
        T(feed__addressed_again__goes_to_the_last_one_named),
        T(feed__with_to__is_not_addressed_by_others),
        T(feed__many_under_way__waits_until_some_have_ended),
        T(feed__many_lines_at_once__wait_in_memory_until_some_have_ended),
        T(feed__end_of_input__is_over_when_all_have_ended),
        T(feed__earlier_messages__are_waited_for_as_well),
        T(feed__stopped__takes_nothing_more),
        T(feed__state_cannot_be_written__says_so_and_stops),
        T(feed__state_cannot_be_written__takes_none_of_many_lines),
        T(feed_new__to_nobody_or_oneself_or_without_covers__is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
