/*
 * neg_judge.c - what comes of a message of steps 2 to 6, by the record of its negotiation; and, in
 * a profile whose cloud has a part in the key, the cloud's part. All of it is public-key work.
 */
#include "cloudd/neg_step.h"

#include <string.h>

#include <sodium.h>

#include "cloudd/states.h"
#include "common/err.h"
#include "common/profile.h"

static int body_is_right(const struct step *s)
{
    struct blob sealed = {s->sealed, s->sealed_len};

    return neg_body_check(&s->rec.terms, &sealed, &s->srv->home->secrets->key) == 0;
}

/* The two messages of the devices' handshake are there when the profile has one, and not else. */
static int noise_is_due(const struct step *s)
{
    const struct profile *profile = profile_find(s->rec.terms.choice.profile);

    return profile != NULL && (profile->handshake != NULL) == (s->noise.len > 0);
}

static int same_noise(const struct step *s, const struct neg_bytes *before)
{
    return s->noise.len == before->len && sodium_memcmp(s->noise.b, before->b, before->len) == 0;
}

static struct blob lend(const struct neg_bytes *b)
{
    return (struct blob){b->b, b->len};
}

/* ---- what the cloud makes itself, in a profile whose cloud has a part in the key ---- */

static void at_this_cloud(struct neg_cloud *cloud, const struct step *s)
{
    cloud->self = &s->srv->home->secrets->key;
    memcpy(cloud->i_account, s->rec.i_account, KEY_BYTES);
    memcpy(cloud->r_account, s->rec.r_account, KEY_BYTES);
}

/* Step 3 from step 2. */
static int make_forward(struct step *s)
{
    const struct neg_gateway *gateway = profile_cloud_side(s->rec.terms.choice.profile);
    struct blob asked = lend(&s->rec.asked);
    struct neg_cloud cloud;
    int err;

    if (gateway == NULL)
        return 0;
    at_this_cloud(&cloud, s);
    err = gateway->forward(&s->rec.forwarded, &s->rec.kept, &s->rec.terms, &cloud, &asked);
    sodium_memzero(&cloud, sizeof(cloud));
    return err;
}

/* Step 5 and the grant from step 4; what was kept for it has served. */
static int make_result(struct step *s)
{
    const struct neg_gateway *gateway = profile_cloud_side(s->rec.terms.choice.profile);
    struct blob answered = lend(&s->rec.answered);
    struct neg_cloud cloud;
    int err;

    if (gateway == NULL)
        return 0;
    at_this_cloud(&cloud, s);
    err = gateway->settle(&s->rec.result, &s->rec.grant, &s->rec.terms, &cloud, &s->rec.kept,
                          &answered);
    sodium_memzero(&s->rec.kept, sizeof(s->rec.kept));
    sodium_memzero(&cloud, sizeof(cloud));
    return err;
}

/* ---- the verdict on each message ---- */

/* Step 2. */
static enum verdict judge_request(struct step *s)
{
    if (!body_is_right(s) || !noise_is_due(s))
        return VERDICT_WRONG;
    if (s->state != NEG_OPENED)
        return same_noise(s, &s->rec.asked) ? VERDICT_REPEAT : VERDICT_STALE;
    s->rec.asked = s->noise;
    if (make_forward(s) != 0)
        return VERDICT_WRONG;
    s->state = NEG_ASKED;
    return VERDICT_ADVANCE;
}

/* The responder can decline until the initiator is told the result. */
static enum verdict judge_refusal(const struct step *s)
{
    return neg_due(&s->rec, s->state) != NEG_DUE_RESULT ? VERDICT_WRONG : VERDICT_STALE;
}

/* Step 4. */
static enum verdict judge_answer(struct step *s)
{
    if (s->state == NEG_OPENED)
        return VERDICT_STALE;
    if (!body_is_right(s) || !noise_is_due(s)) {
        s->reason = REASON_CHECK_FAILED;
        return VERDICT_WRONG;
    }
    if (s->state != NEG_ASKED)
        return same_noise(s, &s->rec.answered) ? VERDICT_REPEAT : VERDICT_STALE;
    s->rec.answered = s->noise;
    if (make_result(s) != 0) {
        s->reason = REASON_CHECK_FAILED;
        return VERDICT_WRONG;
    }
    s->state = NEG_ANSWERED;
    return VERDICT_ADVANCE;
}

/* The responder has its grant. */
static enum verdict judge_granted(struct step *s)
{
    if (s->rec.grant.len == 0)
        return VERDICT_STALE;
    if (s->state == NEG_GRANTED)
        return VERDICT_REPEAT;
    s->state = NEG_GRANTED;
    return VERDICT_ADVANCE;
}

/* After step 6: it is only passed on. */
static enum verdict judge_confirm(const struct step *s)
{
    return neg_due(&s->rec, s->state) == NEG_DUE_RESULT ? VERDICT_REPEAT : VERDICT_STALE;
}

static enum verdict verdict_on(struct step *s)
{
    if (s->type == MSG_NEG_REQUEST)
        return judge_request(s);
    if (s->type == MSG_NEG_ANSWER)
        return s->reason != REASON_NONE ? judge_refusal(s) : judge_answer(s);
    return s->type == MSG_NEG_GRANTED ? judge_granted(s) : judge_confirm(s);
}

/* Is this the device that may send this message about this negotiation? */
static int is_party(const struct step *s)
{
    const struct neg_terms *t = &s->rec.terms;

    if (s->type == MSG_NEG_ANSWER || s->type == MSG_NEG_GRANTED)
        return strcmp(s->from, t->responder) == 0 && s->enrolment == s->rec.r_enrolment;
    return strcmp(s->from, t->initiator) == 0 && s->enrolment == s->rec.i_enrolment;
}

static int write_letter(struct letters *out, const struct neg_record *rec, enum neg_due due)
{
    switch (due) {
    case NEG_DUE_REQUEST:
        return 0;
    case NEG_DUE_FORWARD:
        return neg_write_forward(out, rec);
    case NEG_DUE_GRANT:
        return neg_write_grant(out, rec);
    case NEG_DUE_RESULT:
        return neg_write_result(out, rec);
    }
    return 0;
}

/* The next record, and the letter that is due then. */
static int write_next(struct step *s)
{
    int err = 0;

    if (s->verdict == VERDICT_ADVANCE)
        err = neg_record_seal(&s->record, s->rec.terms.cloud, &s->rec);
    if (err == 0 && s->verdict == VERDICT_ADVANCE && s->state == NEG_ANSWERED)
        err = states_begin(&s->copy, s->session, &s->rec.terms, &s->srv->home->secrets->key);
    if (err == 0)
        err = write_letter(&s->due, &s->rec, neg_due(&s->rec, s->state));
    return err;
}

void neg_judge(struct job *job)
{
    struct step *s = job->ctx;
    const struct store_neg *row = &s->found->u.neg.neg;

    s->verdict = VERDICT_UNKNOWN;
    s->state = row->state;
    if (neg_record_open(&s->rec, &s->srv->home->secrets->key, row) != 0 || !is_party(s))
        return;
    s->verdict = verdict_on(s);
    if (s->type != MSG_NEG_CONFIRM &&
        (s->verdict == VERDICT_ADVANCE || s->verdict == VERDICT_REPEAT) && write_next(s) != 0)
        s->verdict = VERDICT_UNKNOWN;
}
