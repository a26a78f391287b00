/* enroll.c - enrolment: token first, then the sealed scan, then device.conf. */
#include "common/agent/enroll.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/agent/device.h"
#include "common/agent/link.h"
#include "common/err.h"
#include "common/fx1.h"
#include "common/image.h"
#include "common/negotiation.h"
#include "common/session.h"

struct enrolment {
    struct home home;
    struct image scan; /* grey, at most IMAGE_SIDE_MAX a side */
    uint8_t token[TOKEN_BYTES];
    struct link *link;
    struct event_base *base;
    struct event *deadline;
    unsigned reason;
    uint64_t number;
    char why[WHY_MAX];
};

/* The scan as the cloud will see it: grey, small, and with ink that FX-1 finds. */
static int load_scan(struct enrolment *e, const char *path)
{
    struct image img = {0};
    uint8_t *canvas = NULL;
    int err = image_load(&img, path, e->why, sizeof(e->why));

    if (err != 0)
        return err;
    err = image_to_grey(&img, &e->scan);
    image_free(&img);
    if (err == 0)
        err = fx1_working_raster(&e->scan);
    if (err == 0 && (e->scan.width < IMAGE_SIDE_MIN || e->scan.height < IMAGE_SIDE_MIN))
        err = ERR_TOO_SMALL;
    if (err == 0 && (canvas = malloc(FX1_CANVAS)) == NULL)
        err = ERR_NOMEM;
    if (err == 0)
        err = fx1_normalise(canvas, e->scan.pixels, e->scan.width, e->scan.height, 1);
    free(canvas);
    if (err == ERR_BLANK)
        say(e->why, sizeof(e->why), err,
            "%s: no signature found; it looks blank. Use dark ink on plain paper, and let the "
            "signature fill the picture",
            path);
    else if (err == ERR_TOO_SMALL || err == ERR_ARG)
        say(e->why, sizeof(e->why), err,
            "%s: a scan needs at least %dx%d pixels after it is fitted into %dx%d; scan it larger, "
            "or crop it to the signature",
            path, IMAGE_SIDE_MIN, IMAGE_SIDE_MIN, IMAGE_SIDE_MAX, IMAGE_SIDE_MAX);
    else if (err != 0)
        say(e->why, sizeof(e->why), err, "%s: %s", path, err_str(err));
    return err;
}

static void on_up(void *arg)
{
    struct enrolment *e = arg;
    struct msg m = {.type = MSG_ENROL_TOKEN};

    memcpy(m.u.enrol_token.id, e->home.id, sizeof(m.u.enrol_token.id));
    memcpy(m.u.enrol_token.token, e->token, TOKEN_BYTES);
    link_send(e->link, &m);
    sodium_memzero(&m, sizeof(m));
}

static void send_request(struct enrolment *e)
{
    size_t cap = ENROL_SEALED_MAX, pixels = image_pixels(&e->scan);
    struct msg body = {.type = MSG_ENROL_BODY}, m = {.type = MSG_ENROL_REQUEST};
    uint8_t *sealed = malloc(cap);
    struct offer offer;
    size_t len = 0;

    if (sealed == NULL)
        return;
    memcpy(body.u.enrol_body.id, e->home.id, sizeof(body.u.enrol_body.id));
    memcpy(body.u.enrol_body.dev, e->home.secrets->dev, KEY_BYTES);
    body.u.enrol_body.width = (uint16_t)e->scan.width;
    body.u.enrol_body.height = (uint16_t)e->scan.height;
    body.u.enrol_body.pixels = (struct blob){e->scan.pixels, pixels};
    offer_local(&offer, 0);
    home_suites(&e->home, &offer.suites);
    m.u.enrol_request.profiles = offer.profiles;
    m.u.enrol_request.suites = offer.suites;
    m.u.enrol_request.codecs = offer.codecs;
    if (body_seal(&body, e->home.cloud_key, sealed, cap, &len) == 0) {
        m.u.enrol_request.sealed = (struct blob){sealed, len};
        link_enrolling(e->link);
        link_send(e->link, &m);
    }
    sodium_memzero(&body, sizeof(body));
    free(sealed);
}

static void on_message(void *arg, const struct msg *m, const uint8_t *body, size_t len)
{
    struct enrolment *e = arg;

    (void)body;
    (void)len;
    if (m->type == MSG_ENROL_READY) {
        send_request(e);
    } else if (m->type == MSG_ENROLLED) {
        e->number = m->u.enrolled.enrolment;
        e->home.enrolment = e->number;
        event_base_loopbreak(e->base);
    } else if (m->type == MSG_ERROR) {
        e->reason = m->u.error.reason;
        say(e->why, sizeof(e->why), 0, "the cloud refused: %s", reason_text(e->reason));
        event_base_loopbreak(e->base);
    }
}

static void on_down(void *arg, int final, unsigned reason, const char *why)
{
    struct enrolment *e = arg;

    (void) final;
    e->reason = reason;
    text_copy(e->why, sizeof(e->why), why);
    event_base_loopbreak(e->base);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct enrolment *e = arg;

    (void)fd;
    (void)what;
    text_copy(e->why, sizeof(e->why), "the cloud did not answer in 60 seconds; try again");
    event_base_loopbreak(e->base);
}

static int talk(struct enrolment *e)
{
    static const struct link_handlers handlers = {
        .up = on_up, .message = on_message, .down = on_down};
    struct timeval limit = {.tv_sec = 60};

    signal(SIGPIPE, SIG_IGN);
    e->base = device_base();
    if (e->base == NULL)
        return ERR_NOMEM;
    /* The token crosses the hop, so an enrolment is sealed whatever --hop says elsewhere. */
    e->link = link_new(&(struct link_config){.base = e->base,
                                             .home = &e->home,
                                             .role = ROLE_ENROL,
                                             .mode = HOP_SEALED,
                                             .handlers = &handlers,
                                             .arg = e});
    e->deadline = evtimer_new(e->base, on_deadline, e);
    if (e->link == NULL || e->deadline == NULL)
        return ERR_NOMEM;
    evtimer_add(e->deadline, &limit);
    link_start(e->link);
    event_base_dispatch(e->base);
    return e->number != 0 ? 0 : ERR_DENIED;
}

static int check_options(const struct device_options *o, struct enrolment *e)
{
    char line[128] = "", host[HOST_MAX + 1];
    uint8_t key[KEY_BYTES];
    const char *token = o->token;
    struct home tried = {.lock_fd = -1};
    uint16_t port;

    if (o->id == NULL || o->cloud == NULL || o->cloud_key == NULL || o->token == NULL ||
        o->signature == NULL)
        return fail(EXIT_USAGE, "needs --home, --id, --cloud, --cloud-key, --token, --signature");
    if (!id_is_valid(o->id, strlen(o->id)))
        return fail(EXIT_USAGE, "--id %s: an id is 1 to %d of a-z 0-9 . _ -", o->id, ID_MAX);
    if (text_host_port(o->cloud, host, &port) != 0 || port == 0)
        return fail(EXIT_USAGE, "--cloud %s is not HOST:PORT", o->cloud);
    if (text_unhex(key, KEY_BYTES, o->cloud_key) != 0)
        return fail(EXIT_USAGE, "--cloud-key is not a key: %d hex digits, as cloudd init prints",
                    2 * KEY_BYTES);
    if (o->suites != NULL && home_set_suites(&tried, o->suites, e->why, sizeof(e->why)) != 0)
        return fail(EXIT_USAGE, "%s", e->why);
    if (strcmp(token, "-") == 0) {
        if (fgets(line, sizeof(line), stdin) != NULL)
            line[strcspn(line, "\r\n")] = '\0';
        /* Also as the line that cloudd invite prints. */
        token = strncmp(line, "token ", 6) == 0 ? line + 6 : line;
    }
    if (text_unhex(e->token, TOKEN_BYTES, token) != 0)
        return fail(EXIT_USAGE, "--token is not a token: %d hex digits, as cloudd invite prints",
                    2 * TOKEN_BYTES);
    sodium_memzero(line, sizeof(line));
    return 0;
}

static int prepare(const struct device_options *o, struct enrolment *e)
{
    /* The picture first: a bad one leaves no folder behind. */
    if (load_scan(e, o->signature) != 0 ||
        home_prepare(&e->home, o->home, e->why, sizeof(e->why)) != 0 ||
        home_set_cloud(&e->home, o->cloud, e->why, sizeof(e->why)) != 0 ||
        text_unhex(e->home.cloud_key, KEY_BYTES, o->cloud_key) != 0 ||
        (o->suites != NULL && home_set_suites(&e->home, o->suites, e->why, sizeof(e->why)) != 0))
        return fail(EXIT_FAILED, "%s", e->why);
    text_copy(e->home.id, sizeof(e->home.id), o->id);
    return 0;
}

static void print_result(const struct device_options *o, const struct enrolment *e)
{
    char print[FINGERPRINT_CHARS], key[2 * KEY_BYTES + 1];

    key_fingerprint(print, e->home.secrets->key.public_key);
    text_hex(key, e->home.secrets->key.public_key, KEY_BYTES);
    if (o->json)
        printf("{\"id\":\"%s\",\"enrolment\":%llu,\"key\":\"%s\",\"fingerprint\":\"%s\"}\n",
               e->home.id, (unsigned long long)e->number, key, print);
    else
        printf("enrolled %s as device %llu\nkey %s\nfingerprint %s\n", e->home.id,
               (unsigned long long)e->number, key, print);
}

int enroll_run(struct device_options *o)
{
    struct enrolment e = {.home = {.lock_fd = -1}};
    int code = check_options(o, &e);

    if (code == 0)
        code = prepare(o, &e);
    if (code == 0 && talk(&e) != 0)
        code = fail(e.reason != REASON_NONE ? EXIT_REJECTED : EXIT_FAILED, "%s", e.why);
    if (code == 0 && home_enrolled(&e.home, e.why, sizeof(e.why)) != 0)
        code = fail(EXIT_FAILED, "%s", e.why);
    if (code == 0)
        print_result(o, &e);
    link_free(e.link);
    if (e.deadline != NULL)
        event_free(e.deadline);
    if (e.base != NULL)
        event_base_free(e.base);
    image_free(&e.scan);
    sodium_memzero(e.token, sizeof(e.token));
    home_close(&e.home);
    return code;
}
