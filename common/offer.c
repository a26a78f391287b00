/* offer.c - offers of devices and the choice between two. */
#include "common/offer.h"

#include <string.h>

#include "common/err.h"
#include "common/profile.h"
#include "common/stego.h"

static void list_add(struct list *l, uint8_t v)
{
    if (l->n < LIST_MAX)
        l->v[l->n++] = v;
}

void offer_local(struct offer *o, int allow_research)
{
    memset(o, 0, sizeof(*o));
    for (size_t i = 0; i < profile_count; i++)
        if (profiles[i]->research == NULL || allow_research)
            list_add(&o->profiles, profiles[i]->id);
    list_add(&o->suites, SUITE_NONE);
    list_add(&o->codecs, STEGO_LIGHT);
    list_add(&o->codecs, STEGO_STEALTH);
}

int list_has(const struct list *l, uint8_t v)
{
    return l->n > 0 && memchr(l->v, v, l->n) != NULL;
}

static int first_common(uint8_t *v, const struct list *i, const struct list *r)
{
    for (size_t k = 0; k < i->n; k++) {
        if (list_has(r, i->v[k])) {
            *v = i->v[k];
            return 0;
        }
    }
    *v = 0;
    return ERR_NOTFOUND;
}

int offer_choose(struct choice *c, const struct offer *initiator, const struct offer *responder)
{
    int err = first_common(&c->profile, &initiator->profiles, &responder->profiles);

    if (err == 0)
        err = first_common(&c->suite, &initiator->suites, &responder->suites);
    if (err == 0)
        err = first_common(&c->codec, &initiator->codecs, &responder->codecs);
    return err;
}

static int list_equal(const struct list *a, const struct list *b)
{
    return a->n == b->n && memcmp(a->v, b->v, a->n) == 0;
}

int offer_equal(const struct offer *a, const struct offer *b)
{
    return list_equal(&a->profiles, &b->profiles) && list_equal(&a->suites, &b->suites) &&
           list_equal(&a->codecs, &b->codecs);
}
