/* show.c - messages and failures as lines. */
#include "common/agent/show.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/err.h"
#include "common/profile.h"
#include "common/suite.h"

static const char *profile_name(uint8_t id)
{
    const struct profile *p = profile_find(id);

    return p != NULL ? p->name : "unknown";
}

static const char *suite_name(uint8_t id)
{
    const struct suite *s = suite_find(id);

    return s != NULL ? s->name : "unknown";
}

static int end_line(FILE *f)
{
    fputc('\n', f);
    return fflush(f) != 0 || ferror(f) ? ERR_SYS : 0;
}

static int is_text(const struct inbox_record *r)
{
    return r->bytes == 0 ||
           (memchr(r->message, '\0', r->bytes) == NULL && text_is_utf8(r->message, r->bytes));
}

static void json_begin(FILE *f, const char *from, const uint8_t session[SESSION_ID_BYTES],
                       uint64_t index)
{
    char hex[2 * SESSION_ID_BYTES + 1];

    text_hex(hex, session, SESSION_ID_BYTES);
    fprintf(f, "{\"from\":\"%s\",\"session\":\"%s\",\"index\":%llu", from, hex,
            (unsigned long long)index);
}

static int json_base64(FILE *f, const struct inbox_record *r)
{
    size_t cap = sodium_base64_ENCODED_LEN(r->bytes, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(cap);

    if (text == NULL)
        return ERR_NOMEM;
    sodium_bin2base64(text, cap, r->message, r->bytes, sodium_base64_VARIANT_ORIGINAL);
    fprintf(f, ",\"message_b64\":\"%s\"", text);
    free(text);
    return 0;
}

static int json_message(FILE *f, const struct inbox_record *r)
{
    int err = 0;

    json_begin(f, r->peer, r->session, r->index);
    fprintf(f, ",\"seq\":%llu,\"profile\":\"%s\",\"suite\":\"%s\",\"verified\":true",
            (unsigned long long)r->seq, profile_name(r->profile), suite_name(r->suite));
    if (r->gone) {
        fputs(",\"gone\":true", f);
    } else if (is_text(r)) {
        fputs(",\"text\":", f);
        text_json(f, r->bytes > 0 ? (const char *)r->message : "", r->bytes);
    } else {
        err = json_base64(f, r);
    }
    if (!r->gone)
        fprintf(f, ",\"bytes\":%zu", r->bytes);
    if (r->late)
        fputs(",\"late\":true", f);
    if (r->stego[0] != '\0') {
        fputs(",\"stego\":", f);
        text_json(f, r->stego, strlen(r->stego));
    }
    fputc('}', f);
    return err;
}

/* Length of a sequence that would steer a terminal or turn the text around, 0 when it does not: C0,
 * DEL, C1 (U+0080..9F), the marks and overrides of direction (U+200E..F, U+202A..E, U+2066..9), and
 * separators of lines (U+2028..9). */
static size_t steering(const uint8_t *p, size_t left)
{
    if (p[0] < 0x20 || p[0] == 0x7f)
        return 1;
    if (left >= 2 && p[0] == 0xc2 && p[1] < 0xa0)
        return 2;
    if (left < 3 || p[0] != 0xe2)
        return 0;
    if (p[1] == 0x80 && ((p[2] >= 0x8e && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae)))
        return 3;
    return p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9 ? 3 : 0;
}

static void harmless(FILE *f, const uint8_t *p, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = steering(p + i, len - i);
        if (n == 1 && p[i] == '\n')
            fputs("\\n", f);
        for (size_t k = 0; k < n && p[i] != '\n'; k++)
            fprintf(f, "\\x%02x", p[i + k]);
        if (n == 0) {
            fputc(p[i], f);
            n = 1;
        }
    }
}

static void text_message(FILE *f, const struct inbox_record *r)
{
    fprintf(f, "%s%s: ", r->peer, r->late ? " (late)" : "");
    if (r->gone)
        fputs("(the text is gone: its key is erased, and it was deleted here for its age)", f);
    else if (is_text(r))
        harmless(f, r->message, r->bytes);
    else
        fprintf(f, "(%zu bytes that are not text)", r->bytes);
}

int show_message(const struct show *s, const struct inbox_record *r)
{
    int err = 0, end;

    if (s->json)
        err = json_message(s->out, r);
    else
        text_message(s->out, r);
    end = end_line(s->out);
    return err != 0 ? err : end;
}

int show_failure(const struct show *s, const struct verdict *v)
{
    const char *why = reason_text(v->reason);

    if (!s->json) {
        fprintf(s->err, "%s: package %llu was refused: %s", v->receipt.peer,
                (unsigned long long)v->receipt.index, why);
        (void)end_line(s->err);
        return 0;
    }
    json_begin(s->out, v->receipt.peer, v->receipt.session, v->receipt.index);
    fprintf(s->out, ",\"profile\":\"%s\",\"verified\":false,\"reason\":", profile_name(v->profile));
    text_json(s->out, why, strlen(why));
    fputc('}', s->out);
    return end_line(s->out);
}

int show_unverified(const struct show *s, const char *from, const struct msg_package *p,
                    const char *why)
{
    if (!s->json) {
        fprintf(s->err, "%s: ", from);
        if (p != NULL)
            fprintf(s->err, "package %llu, seq %llu, ", (unsigned long long)p->index,
                    (unsigned long long)p->seq);
        fprintf(s->err, "is not shown: %s", why);
        (void)end_line(s->err);
        return 0;
    }
    if (p != NULL)
        json_begin(s->out, from, p->session, p->index);
    else
        fprintf(s->out, "{\"from\":\"%s\"", from);
    if (p != NULL)
        fprintf(s->out, ",\"seq\":%llu", (unsigned long long)p->seq);
    fputs(",\"verified\":false,\"reason\":", s->out);
    text_json(s->out, why, strlen(why));
    fputc('}', s->out);
    return end_line(s->out);
}
