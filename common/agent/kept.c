/* kept.c - a package that the cloud kept, held against this device's own record. */
#include <stdlib.h>
#include <string.h>

#include "common/agent/history.h"
#include "common/err.h"
#include "common/profile.h"
#include "common/session.h"
#include "common/set.h"

const char *kept_why(enum kept_kind kind)
{
    switch (kind) {
    case KEPT_OURS:
        return NULL;
    case KEPT_UNREADABLE:
        return "what the cloud kept is no package";
    case KEPT_UNKNOWN:
        return "this device has no record of it";
    case KEPT_ALTERED:
        return "it is not the package that was verified: it was changed since";
    case KEPT_FOREIGN:
        return "it is of another sender than was asked for";
    }
    return NULL;
}

/* The text of a message that travelled in clear is in the package, whatever its age. */
static int take_message(struct kept *k)
{
    const struct profile *profile = profile_find(k->record.profile);
    const struct blob *clear = &k->m.u.package.message;
    struct inbox_record *r = &k->record;

    r->stego[0] = '\0';
    if (profile == NULL || profile->field_bytes != NULL)
        return 0;
    free(r->message);
    r->message = NULL;
    r->bytes = 0;
    r->gone = 0;
    if (clear->len == 0)
        return 0;
    r->message = malloc(clear->len);
    if (r->message == NULL)
        return ERR_NOMEM;
    memcpy(r->message, clear->p, clear->len);
    r->bytes = clear->len;
    return 0;
}

static enum kept_kind compare(const struct kept *k, const char *from,
                              const uint8_t digest[DIGEST_BYTES])
{
    if (!k->record.has_digest)
        return KEPT_UNKNOWN;
    if (memcmp(digest, k->record.digest, DIGEST_BYTES) != 0)
        return KEPT_ALTERED;
    return strcmp(k->record.peer, from) == 0 ? KEPT_OURS : KEPT_FOREIGN;
}

/* The package, and the digest of its bytes. */
static int decode(struct msg *package, uint8_t digest[DIGEST_BYTES], const struct msg_kept *m)
{
    const struct blob *body = &m->package;
    struct set_shared shared;
    struct msg decoded;
    int err;

    if (m->type != MSG_PACKAGE_SHARED) {
        package_digest(digest, body->p, body->len);
        return msg_decode(package, MSG_PACKAGE, body->p, body->len);
    }
    err = msg_decode(&decoded, MSG_PACKAGE_SHARED, body->p, body->len);
    if (err == 0)
        err = set_shared_parse(&shared, &decoded.u.package_shared);
    if (err != 0)
        return err;
    set_shared_view(package, &shared);
    memcpy(digest, shared.digest, DIGEST_BYTES);
    return 0;
}

int kept_judge(struct kept *k, struct sql *db, const char *from, const struct msg_kept *m)
{
    const struct msg_package *p = &k->m.u.package;
    uint8_t digest[DIGEST_BYTES];
    int err;

    memset(k, 0, sizeof(*k));
    k->kind = KEPT_UNREADABLE;
    if (decode(&k->m, digest, m) != 0)
        return 0;
    k->kind = KEPT_UNKNOWN;
    err = inbox_find(db, p->session, p->index, &k->record);
    if (err == ERR_NOTFOUND)
        return 0;
    if (err == 0)
        k->kind = compare(k, from, digest);
    return err == 0 && k->kind == KEPT_OURS ? take_message(k) : err;
}

void kept_free(struct kept *k)
{
    inbox_record_free(&k->record);
}
