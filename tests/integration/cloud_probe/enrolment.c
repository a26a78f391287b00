/*
 * enrolment.c - tokens and signatures: who is enrolled, and who is refused and why.
 */
#include "tests/integration/cloud_probe/cloud_probe.h"

/* enrol ID TOKEN SCAN */
void scenario_enrol(char **arg)
{
    struct pgm_view scan = load_scan(arg[2]);
    struct device d;
    struct msg m;

    device_init(&d, arg[0]);
    send_token(&d, arg[1]);
    expect(&d, &m, MSG_ENROL_READY);
    send_scan(&d, &scan, d.id);
    expect(&d, &m, MSG_ENROLLED);
    CHECK(m.u.enrolled.enrolment > 0);
}

/* enrol-fails ID TOKEN SCAN REASON: refused at the token or after it */
void scenario_enrol_fails(char **arg)
{
    struct pgm_view scan = load_scan(arg[2]);
    unsigned reason = (unsigned)atoi(arg[3]);
    struct device d;
    struct msg m;

    device_init(&d, arg[0]);
    send_token(&d, arg[1]);
    if (next(&d, &m) == MSG_ENROL_READY) {
        send_scan(&d, &scan, d.id);
        CHECK(next(&d, &m) == MSG_ERROR);
    }
    CHECK(m.type == MSG_ERROR);
    if (m.u.error.reason != reason)
        fprintf(stderr, "got %s, not %s\n", reason_name(m.u.error.reason), reason_name(reason));
    CHECK(m.u.error.reason == reason);
    CHECK(next(&d, &m) == 0);
}

/* enrol-blank ID TOKEN: white paper, then another id in the seal; the token stays usable */
void scenario_enrol_blank(char **arg)
{
    static uint8_t white[64 * 64];
    struct pgm_view scan = {64, 64, white};
    struct device d;
    struct msg m;

    memset(white, 255, sizeof(white));
    device_init(&d, arg[0]);
    send_token(&d, arg[1]);
    expect(&d, &m, MSG_ENROL_READY);
    send_scan(&d, &scan, d.id);
    expect_error(&d, REASON_SIGNATURE_BLANK);
    send_token(&d, arg[1]);
    expect(&d, &m, MSG_ENROL_READY);
    send_scan(&d, &scan, "somebody-else");
    expect_error(&d, REASON_SEAL);
}
