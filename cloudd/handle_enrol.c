/*
 * handle_enrol.c - enrolment: a small frame shows the token, a large one brings the signature.
 *
 * Nothing that is written here can be seen from outside before STORE_DEVICE_ADD, which consumes the
 * token in the same transaction; so a signature that is refused leaves the token usable.
 */
#include "cloudd/handle.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cloudd/records.h"
#include "cloudd/token.h"
#include "common/err.h"
#include "common/fx1.h"
#include "common/kdf.h"
#include "common/log.h"
#include "common/negotiation.h"

/* What is kept between the two frames. */
struct enrol {
    uint8_t token_hash[DIGEST_BYTES];
};

void enrol_free(struct enrol *e)
{
    if (e != NULL)
        sodium_memzero(e, sizeof(*e));
    free(e);
}

static void refuse(struct conn *c, unsigned reason, enum msg_type about)
{
    log_info("refused: enrolment of %s: %s", conn_name(c), reason_name(reason));
    conn_error(c, reason, about);
    conn_close(c, REASON_NONE);
}

static unsigned reason_of(const struct store_op *op)
{
    if (op->result == STORE_FULL || op->result == STORE_UNSURE)
        return REASON_STORAGE;
    return op->reason != REASON_NONE ? op->reason : REASON_STORAGE;
}

static void on_reserved(struct store_op *op)
{
    struct conn *c = server_completed(op->ctx, op);
    struct msg m = {.type = MSG_ENROL_READY};

    if (c == NULL) {
        store_op_free(op);
        return;
    }
    if (op->result == STORE_OK || op->result == STORE_ALREADY) {
        conn_set_state(c, CONN_ENROL);
        conn_set_deadline(c, ENROL_READY_S * 1000);
        m.u.enrol_ready.seconds = ENROL_READY_S;
        conn_send(c, &m);
    } else {
        refuse(c, reason_of(op), MSG_ENROL_TOKEN);
    }
    store_op_free(op);
}

void handle_enrol_token(struct conn *c, const struct msg *m, const struct blob *body)
{
    const struct msg_enrol_token *t = &m->u.enrol_token;
    struct store_op *op;

    (void)body;
    if (c->role != ROLE_ENROL) {
        conn_close(c, REASON_OUT_OF_ORDER);
        return;
    }
    c->u.enrol = calloc(1, sizeof(*c->u.enrol));
    op = server_op(c->srv, c, STORE_TOKEN_RESERVE, on_reserved);
    if (op == NULL || c->u.enrol == NULL) {
        store_op_free(op);
        conn_close(c, REASON_BUSY);
        return;
    }
    memcpy(c->id, t->id, sizeof(c->id));
    token_hash(c->u.enrol->token_hash, t->token);
    memcpy(op->u.token.id, t->id, sizeof(op->u.token.id));
    memcpy(op->u.token.key, c->key, KEY_BYTES);
    memcpy(op->u.token.token_hash, c->u.enrol->token_hash, DIGEST_BYTES);
    server_submit(c->srv, op);
}

/* Two enrolments of one scan are found by a digest that nobody without the cloud's key can make. */
static void scan_digest(uint8_t out[DIGEST_BYTES], const uint8_t *key,
                        const struct msg_enrol_body *b)
{
    struct kdf k;

    kdf_init(&k, key, KDF_KEY_BYTES, "inkpost scan", DIGEST_BYTES);
    kdf_u64(&k, b->width);
    kdf_u64(&k, b->height);
    kdf_field(&k, b->pixels.p, b->pixels.len);
    kdf_final(&k, out, DIGEST_BYTES);
}

/* One enrolment on its way through the pool and the store. */
struct enrolment {
    struct job job;
    struct server *srv;
    struct store_op *op; /* STORE_DEVICE_ADD, until it is submitted */
    uint8_t *request;    /* ENROL_BODY, sealed */
    size_t request_len;
    char id[ID_MAX + 1]; /* of the token */
    unsigned reason;     /* why not */
};

static void enrolment_free(struct enrolment *e)
{
    if (e == NULL)
        return;
    store_op_free(e->op);
    free(e->request);
    free(e);
}

static unsigned check_body(const char *id, const struct msg_enrol_body *b)
{
    if (strcmp(b->id, id) != 0)
        return REASON_SEAL;
    if (b->width < IMAGE_SIDE_MIN || b->width > IMAGE_SIDE_MAX || b->height < IMAGE_SIDE_MIN ||
        b->height > IMAGE_SIDE_MAX)
        return REASON_SIGNATURE_SIZE;
    if (b->pixels.len != (size_t)b->width * b->height)
        return REASON_MALFORMED;
    return REASON_NONE;
}

/* Normalise the scan and seal the record. 0, or a reason. */
static unsigned make_record(const struct cloud_secrets *secrets, const struct msg_enrol_body *b,
                            struct store_bytes *sealed)
{
    uint8_t *canvas = malloc(FX1_CANVAS);
    struct device_record rec;
    unsigned reason = REASON_NONE;
    int err = canvas == NULL ? ERR_NOMEM : 0;

    if (err == 0)
        err = fx1_normalise(canvas, b->pixels.p, b->width, b->height, 1);
    if (err == 0) {
        rec = (struct device_record){b->dev, canvas, b->width, b->height, b->pixels};
        err = device_record_seal(sealed, secrets->key.public_key, b->id, &rec);
    }
    if (err != 0)
        reason = err == ERR_BLANK ? REASON_SIGNATURE_BLANK
                 : err == ERR_ARG ? REASON_SIGNATURE_SIZE
                                  : REASON_STORAGE;
    if (canvas != NULL)
        sodium_memzero(canvas, FX1_CANVAS);
    free(canvas);
    return reason;
}

/* On the pool: open the request, look at the signature, seal what is kept of it. */
static void examine(struct job *job)
{
    struct enrolment *e = job->ctx;
    const struct cloud_secrets *secrets = e->srv->home->secrets;
    struct blob sealed = {e->request, e->request_len};
    uint8_t *plain = malloc(e->request_len + 1);
    struct msg inner;

    e->reason = REASON_SEAL;
    if (plain == NULL) {
        e->reason = REASON_BUSY;
        return;
    }
    if (body_open(&inner, MSG_ENROL_BODY, &sealed, &secrets->key, plain, e->request_len) == 0)
        e->reason = check_body(e->id, &inner.u.enrol_body);
    if (e->reason == REASON_NONE) {
        scan_digest(e->op->u.add.scan_digest, secrets->scan_key, &inner.u.enrol_body);
        e->reason = make_record(secrets, &inner.u.enrol_body, &e->op->u.add.sealed);
    }
    sodium_memzero(&inner, sizeof(inner));
    sodium_memzero(plain, e->request_len);
    free(plain);
}

static void on_added(struct store_op *op)
{
    struct conn *c = server_completed(op->ctx, op);
    struct msg m = {.type = MSG_ENROLLED};
    uint64_t number = op->u.add.device.enrolment;

    free(op->u.add.sealed.p);
    if (op->result == STORE_OK)
        log_info("enrolled: %s number %llu", op->u.add.device.id, (unsigned long long)number);
    if (c == NULL)
        ;
    else if (op->result == STORE_OK || op->result == STORE_ALREADY) {
        m.u.enrolled.enrolment = number;
        conn_send(c, &m);
        conn_close(c, REASON_NONE);
    } else {
        refuse(c, reason_of(op), MSG_ENROL_REQUEST);
    }
    store_op_free(op);
}

static void on_examined(struct job *job)
{
    struct enrolment *e = job->ctx;
    struct conn *c = server_worked(e->srv, job);

    if (c != NULL && e->reason == REASON_NONE) {
        server_submit(e->srv, e->op);
        e->op = NULL;
    } else {
        free(e->op->u.add.sealed.p);
        if (c != NULL)
            refuse(c, e->reason, MSG_ENROL_REQUEST);
    }
    enrolment_free(e);
}

static struct enrolment *enrolment_new(struct conn *c, const struct msg_enrol_request *r)
{
    struct enrolment *e = calloc(1, sizeof(*e));

    if (e == NULL)
        return NULL;
    e->job = (struct job){.run = examine, .done = on_examined, .ctx = e};
    e->srv = c->srv;
    e->op = server_op(c->srv, c, STORE_DEVICE_ADD, on_added);
    e->request = malloc(r->sealed.len + 1);
    if (e->op == NULL || e->request == NULL) {
        enrolment_free(e);
        return NULL;
    }
    if (r->sealed.len > 0)
        memcpy(e->request, r->sealed.p, r->sealed.len);
    e->request_len = r->sealed.len;
    memcpy(e->id, c->id, sizeof(e->id));
    memcpy(e->op->u.add.device.id, c->id, sizeof(c->id));
    memcpy(e->op->u.add.device.key, c->key, KEY_BYTES);
    e->op->u.add.device.offer = (struct offer){r->profiles, r->suites, r->codecs};
    memcpy(e->op->u.add.token_hash, c->u.enrol->token_hash, DIGEST_BYTES);
    return e;
}

void handle_enrol_request(struct conn *c, const struct msg *m, const struct blob *body)
{
    struct enrolment *e = enrolment_new(c, &m->u.enrol_request);

    (void)body;
    if (e == NULL)
        refuse(c, REASON_BUSY, MSG_ENROL_REQUEST);
    else
        server_work(c->srv, c, &e->job);
}
