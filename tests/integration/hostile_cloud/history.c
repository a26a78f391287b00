/*
 * history.c - lies to sdr about what the cloud keeps: pages with packages that bob never had, pages
 * that are longer than he asked for or promise more, and messages that are no page.
 */
#include "common/profile.h"
#include "tests/integration/hostile_cloud/hostile_cloud.h"

/* Bob's request for a page of alice's messages. */
static void asked_history(struct msg *m)
{
    struct msg attach;

    attached(&attach);
    expect(&at, m, MSG_HISTORY);
    CHECK(strcmp(m->u.history.peer, "alice") == 0 && m->u.history.after == 0);
}

static void send_kept(uint64_t number, const struct blob *package)
{
    struct msg m = {.type = MSG_KEPT};

    m.u.kept.number = number;
    m.u.kept.package = *package;
    send_msg(&at, &m);
}

/* A package that bob never had, with the cloud's word that he had; and it twice. */
void scenario_history(void)
{
    struct msg m, fake = {.type = MSG_PACKAGE};
    struct msg_package *p = &fake.u.package;
    uint8_t body[512];
    struct wbuf w;

    p->profile = PROFILE_AUTH;
    text_copy(p->from, sizeof(p->from), "alice");
    text_copy(p->to, sizeof(p->to), "bob");
    p->message = (struct blob){(const uint8_t *)"forgery", 7};
    p->message_bytes = 7;
    wbuf_init(&w, body, sizeof(body));
    msg_encode(&fake, &w);
    asked_history(&m);
    send_kept(5, &(struct blob){body, w.len});
    send_kept(6, &(struct blob){body, 3});
    send_kept(6, &(struct blob){body, w.len});
    expect_gone();
}

void scenario_flood(void)
{
    struct msg m;

    asked_history(&m);
    CHECK(m.u.history.limit == 2);
    for (uint64_t i = 1; i <= 3; i++)
        send_kept(i, &(struct blob){(const uint8_t *)"x", 1});
    expect_gone();
}

void scenario_promise(void)
{
    struct msg m, end = {.type = MSG_HISTORY_END};

    asked_history(&m);
    end.u.history_end.more = 1;
    end.u.history_end.days = 7;
    send_msg(&at, &end);
    expect_gone();
}

/* A message for a receiver has no business here. */
void scenario_intruder(void)
{
    struct msg m, gone = {.type = MSG_PEER_GONE};

    asked_history(&m);
    text_copy(gone.u.peer_gone.peer, sizeof(gone.u.peer_gone.peer), "alice");
    send_msg(&at, &gone);
    expect_gone();
}
