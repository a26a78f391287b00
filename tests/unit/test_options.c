/* test_options.c - cloudd's command line: what is taken, and what is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cloudd/options.h"
#include "common/err.h"
#include "common/suite.h"

#define WORDS_MAX 20

static char why[512];

static int parse(struct options *o, const char *line)
{
    static char words[256];
    char *argv[WORDS_MAX] = {NULL}, *rest = words;
    int argc = 0;

    memset(why, 0, sizeof(why));
    strncpy(words, line, sizeof(words) - 1);
    while ((argv[argc] = strtok_r(rest, " ", &rest)) != NULL)
        argc++;
    return options_parse(o, argc, argv, why, sizeof(why));
}

static void options__run_with_nothing_else__has_the_documented_defaults(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, "cloudd run --home /h"), 0);
    assert_int_equal(o.command, CMD_RUN);
    assert_string_equal(o.home, "/h");
    assert_string_equal(o.host, "127.0.0.1");
    assert_int_equal(o.port, 7717);
    assert_false(o.hop_any || o.allow_research || o.json);
    assert_int_equal(o.mailbox_packages, 10000);
    assert_int_equal(o.mailbox_bytes, 1 << 30);
    assert_int_equal(o.sender_share, 50);
    assert_int_equal(o.store_packages, 1000000);
    assert_int_equal(o.max_message, 1 << 20);
    assert_int_equal(o.max_store, 0);
}

static void options__both_forms_of_a_value__are_taken(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, "cloudd run --home=/h --listen [::1]:0 --hop=any --log debug "
                               "--mailbox-packages 3 --allow-research --max-message=0"),
                     0);
    assert_string_equal(o.host, "::1");
    assert_int_equal(o.port, 0);
    assert_true(o.hop_any && o.allow_research);
    assert_int_equal(o.log, LOG_LEVEL_DEBUG);
    assert_int_equal(o.mailbox_packages, 3);
    assert_int_equal(o.max_message, 0);
}

static void options__invite__takes_an_id_and_a_ttl(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, "cloudd invite --home /h sensor-1 --ttl 60"), 0);
    assert_string_equal(o.id, "sensor-1");
    assert_int_equal(o.ttl, 60);
}

static void options__suites__are_those_allowed_and_strong_enough(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, "cloudd run --home /h"), 0);
    assert_int_equal(o.suites.n, suite_count);
    assert_int_equal(parse(&o, "cloudd run --home /h --suites aes-256-gcm,none"), 0);
    assert_int_equal(o.suites.n, 2);
    assert_int_equal(o.suites.v[0], SUITE_AES_256_GCM);
    assert_int_equal(o.suites.v[1], SUITE_NONE);
    assert_int_equal(parse(&o, "cloudd run --min-strength 128 --home /h --suites aes-256-gcm,none"),
                     0);
    assert_int_equal(o.suites.n, 1);
    assert_int_equal(o.suites.v[0], SUITE_AES_256_GCM);
    assert_int_equal(parse(&o, "cloudd run --home /h --min-strength 256"), 0);
    assert_int_equal(o.suites.n, suite_count - 1);
}

/* The line, and what the sentence must name. */
static void options__wrong_lines__are_refused_by_name(void **state)
{
    static const char *const lines[][2] = {
        {"cloudd", "command"},
        {"cloudd fly", "fly"},
        {"cloudd run", "--home"},
        {"cloudd run --home", "--home"},
        {"cloudd run --home /h extra", "extra"},
        {"cloudd run --home /h --json", "--json"},
        {"cloudd devices --home /h --listen 1.2.3.4:5", "--listen"},
        {"cloudd run --home /h --listen nonsense", "--listen"},
        {"cloudd run --home /h --listen 1.2.3.4:65536", "--listen"},
        {"cloudd run --home /h --hop clear", "--hop"},
        {"cloudd run --home /h --max-message 1048577", "--max-message"},
        {"cloudd run --home /h --max-connections 0", "--max-connections"},
        {"cloudd run --home /h --mailbox-packages -1", "--mailbox-packages"},
        {"cloudd run --home /h --sender-share 101", "--sender-share"},
        {"cloudd run --home /h --sender-share 0", "--sender-share"},
        {"cloudd run --home /h --allow-research=yes", "--allow-research"},
        {"cloudd run --home /h --log loud", "--log"},
        {"cloudd run --home /h --suites rot13", "--suites: \"rot13\""},
        {"cloudd run --home /h --suites none,none", "--suites: none is named twice"},
        {"cloudd run --home /h --suites=", "--suites"},
        {"cloudd run --home /h --min-strength 257", "--min-strength"},
        {"cloudd run --home /h --suites none --min-strength 1", "leave no suite"},
        {"cloudd invite --home /h a --suites none", "--suites"},
        {"cloudd invite --home /h", "ID"},
        {"cloudd invite --home /h UPPER", "UPPER"},
        {"cloudd invite --home /h a b", "b"},
        {"cloudd invite --home /h a --ttl 0", "--ttl"},
    };
    struct options o;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(parse(&o, lines[i][0]), ERR_ARG);
        if (strstr(why, lines[i][1]) == NULL)
            fail_msg("%s: \"%s\" does not name %s", lines[i][0], why, lines[i][1]);
    }
}

static void options__help_in_any_place__asks_about_the_command(void **state)
{
    struct options o;

    (void)state;
    assert_int_equal(parse(&o, "cloudd --help"), 0);
    assert_int_equal(o.command, CMD_HELP);
    assert_null(o.id);
    assert_int_equal(parse(&o, "cloudd run --home /h --help"), 0);
    assert_int_equal(o.command, CMD_HELP);
    assert_string_equal(o.id, "run");
    assert_int_equal(parse(&o, "cloudd help invite"), 0);
    assert_string_equal(o.id, "invite");
    assert_int_equal(parse(&o, "cloudd --version"), 0);
    assert_int_equal(o.command, CMD_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options__run_with_nothing_else__has_the_documented_defaults),
        cmocka_unit_test(options__both_forms_of_a_value__are_taken),
        cmocka_unit_test(options__invite__takes_an_id_and_a_ttl),
        cmocka_unit_test(options__suites__are_those_allowed_and_strong_enough),
        cmocka_unit_test(options__wrong_lines__are_refused_by_name),
        cmocka_unit_test(options__help_in_any_place__asks_about_the_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
