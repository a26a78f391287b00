/* report.c - what is said about messages on their way, and about negotiations. */
#include "common/agent/report.h"

#include <stdio.h>
#include <string.h>

#include "common/session.h"
#include "common/suite.h"

static void print_json(const struct out_item *item, enum out_status status, unsigned reason)
{
    const struct profile *p = profile_find(item->profile);
    const struct suite *suite = suite_find(item->suite);
    char hex[2 * SESSION_ID_BYTES + 1];

    printf("{\"to\":\"%s\"", item->peer);
    if (item->state != OUT_QUEUED) {
        text_hex(hex, item->session, SESSION_ID_BYTES);
        printf(",\"session\":\"%s\",\"index\":%llu", hex, (unsigned long long)item->index);
    }
    printf(",\"seq\":%llu,\"status\":\"%s\",\"profile\":\"%s\"", (unsigned long long)item->seq,
           out_status_name(status), p != NULL ? p->name : "unknown");
    if (item->state != OUT_QUEUED) {
        printf(",\"suite\":\"%s\"", suite != NULL ? suite->name : "unknown");
        if (item->psnr_mdb != INT64_MAX)
            printf(",\"psnr_db\":%.2f", (double)item->psnr_mdb / 1000);
        if (p == NULL || p->hidden_bytes > 0)
            printf(",\"changed_pixels\":%llu,\"embed_us\":%lld",
                   (unsigned long long)item->changed_pixels, (long long)item->embed_us);
    }
    if (item->accepted_at != 0)
        printf(",\"accepted_us\":%lld", (long long)(item->accepted_at - item->queued_at));
    if (status == STATUS_RECEIPTED)
        printf(",\"receipted_us\":%lld", (long long)(item->receipted_at - item->queued_at));
    if (status == STATUS_REJECTED)
        printf(",\"reason\":\"%s\"", reason_text(reason));
    printf("}\n");
}

static void print_text(const struct out_item *item, enum out_status status, unsigned reason)
{
    const struct profile *p = profile_find(item->profile);
    char hex[2 * SESSION_ID_BYTES + 1];

    printf("%s: %s", item->peer, out_status_name(status));
    if (item->state != OUT_QUEUED) {
        text_hex(hex, item->session, SESSION_ID_BYTES);
        printf(", message %llu of session %.16s", (unsigned long long)item->index, hex);
        if (p == NULL || p->hidden_bytes > 0)
            printf(", %llu pixels changed", (unsigned long long)item->changed_pixels);
        if (item->psnr_mdb != INT64_MAX)
            printf(" (%.2f dB)", (double)item->psnr_mdb / 1000);
    }
    if (status == STATUS_RECEIPTED)
        printf(", verified after %.1f ms", (double)(item->receipted_at - item->queued_at) / 1000);
    if (status == STATUS_REJECTED)
        printf(": %s", reason_text(reason));
    printf("\n");
}

static void print_aside(const struct out_item *item, enum out_status status, unsigned reason)
{
    fprintf(stderr, "to %s: %s", item->peer, out_status_name(status));
    if (status == STATUS_RECEIPTED)
        fprintf(stderr, " after %.1f ms", (double)(item->receipted_at - item->queued_at) / 1000);
    if (status == STATUS_REJECTED)
        fprintf(stderr, ": %s", reason_text(reason));
    fputc('\n', stderr);
}

void report_item(const struct out_item *item, enum out_status status, unsigned reason,
                 enum report_form form)
{
    switch (form) {
    case REPORT_TEXT:
        print_text(item, status, reason);
        break;
    case REPORT_JSON:
        print_json(item, status, reason);
        break;
    case REPORT_ASIDE:
        print_aside(item, status, reason);
        break;
    }
    fflush(stdout);
}

void report_phase(const char *peer, enum out_phase phase, const uint8_t key[KEY_BYTES])
{
    char print[FINGERPRINT_CHARS], hex[2 * KEY_BYTES + 1];

    key_fingerprint(print, key);
    text_hex(hex, key, KEY_BYTES);
    switch (phase) {
    case PHASE_OPENED:
        fprintf(stderr, "first contact with %s: key fingerprint %s (compare it with %s's owner)\n",
                peer, print, peer);
        return;
    case PHASE_ASKED:
        fprintf(stderr, "negotiation with %s: request sent\n", peer);
        return;
    case PHASE_PENDING:
        fprintf(stderr, "negotiation with %s: the cloud has checked it and keeps it for %s\n", peer,
                peer);
        return;
    case PHASE_AGREED:
        fprintf(stderr, "negotiation with %s: session %.16s agreed, all three authenticated\n",
                peer, hex);
        return;
    }
}

/* Has the device a suite for this profile? */
static int check_suites(const struct profile *p, const struct offer *offer)
{
    char needed[SUITE_TEXT_MAX], ours[SUITE_TEXT_MAX];

    if (list_meets(&p->suites, &offer->suites))
        return 0;
    suite_list_text(needed, &p->suites);
    suite_list_text(ours, &offer->suites);
    return fail(EXIT_USAGE,
                "profile %s needs %s%s, and this device's set is \"%s\"; name another --profile, "
                "or change the set with --suites",
                p->name, p->suites.n > 1 ? "one of the suites " : "the suite ", needed, ours);
}

/* The names in the table, for a message. */
static const char *profile_names(char *out, size_t cap)
{
    size_t at = 0;

    for (size_t i = 0; i < profile_count && at < cap; i++)
        at += (size_t)snprintf(out + at, cap - at, "%s%s", i > 0 ? ", " : "", profiles[i]->name);
    return out;
}

int kind_from_options(struct message_kind *kind, const struct device_options *o,
                      const struct offer *offer)
{
    char names[128];

    kind->profile = o->profile != NULL ? profile_by_name(o->profile) : profiles[0];
    if (kind->profile == NULL)
        return fail(EXIT_USAGE, "--profile %s: no such profile; this version has %s", o->profile,
                    profile_names(names, sizeof(names)));
    if (kind->profile->research != NULL && !o->allow_research)
        return fail(EXIT_USAGE, "--profile %s is for research only: %s; add --allow-research",
                    o->profile, kind->profile->research);
    if (kind->profile->research != NULL)
        fprintf(stderr, "%s: warning: the profile %s is for research only: %s\n",
                options_program(), kind->profile->name, kind->profile->research);
    kind->code = STEGO_LIGHT;
    if (o->stego != NULL) {
        int code = stego_code_from_name(o->stego);

        if (code < 0)
            return fail(EXIT_USAGE, "--stego takes light or stealth, not %s", o->stego);
        kind->code = (enum stego_code)code;
    }
    kind->message_max = profile_message_max(kind->profile);
    kind->exact = o->no_pad;
    return check_suites(kind->profile, offer);
}
