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
    suite_list_local(&o->suites);
    list_add(&o->codecs, STEGO_LIGHT);
    list_add(&o->codecs, STEGO_STEALTH);
}

int list_has(const struct list *l, uint8_t v)
{
    return l->n > 0 && memchr(l->v, v, l->n) != NULL;
}

int list_covers(const struct list *l, const struct list *some)
{
    for (size_t k = 0; k < some->n; k++)
        if (!list_has(l, some->v[k]))
            return 0;
    return 1;
}

/* The first of i that r has too, 0 when there is none. */
static uint8_t first_common(const struct list *i, const struct list *r)
{
    for (size_t k = 0; k < i->n; k++)
        if (list_has(r, i->v[k]))
            return i->v[k];
    return 0;
}

int list_meets(const struct list *a, const struct list *b)
{
    return first_common(a, b) != 0;
}

/* What both lists have, in the order of the first. */
static struct list common_list(const struct list *a, const struct list *b)
{
    struct list both = {0, {0}};

    for (size_t k = 0; k < a->n; k++)
        if (list_has(b, a->v[k]))
            list_add(&both, a->v[k]);
    return both;
}

int offer_choose(struct choice *c, const struct offer *initiator, const struct offer *responder,
                 const struct list *allowed)
{
    const struct profile *p;
    struct list suites;

    memset(c, 0, sizeof(*c));
    c->profile = first_common(&initiator->profiles, &responder->profiles);
    p = profile_find(c->profile);
    if (p == NULL)
        return ERR_NOTFOUND;
    suites = common_list(&responder->suites, allowed);
    suites = common_list(&p->suites, &suites);
    c->suite = first_common(&initiator->suites, &suites);
    if (c->suite == 0)
        return ERR_DENIED;
    c->codec = first_common(&initiator->codecs, &responder->codecs);
    return c->codec != 0 ? 0 : ERR_NOTFOUND;
}

int list_equal(const struct list *a, const struct list *b)
{
    return a->n == b->n && memcmp(a->v, b->v, a->n) == 0;
}

int offer_is_empty(const struct offer *o)
{
    return o->profiles.n == 0 && o->suites.n == 0 && o->codecs.n == 0;
}

int offer_equal(const struct offer *a, const struct offer *b)
{
    return list_equal(&a->profiles, &b->profiles) && list_equal(&a->suites, &b->suites) &&
           list_equal(&a->codecs, &b->codecs);
}
