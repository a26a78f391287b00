/* home.c - a device's folder. */
#include "common/agent/home.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "common/err.h"
#include "common/folder.h"
#include "common/secret.h"
#include "common/suite.h"

#define HOME_VERSION 1
#define CONF_MAX     1024

void home_path(const struct home *h, const char *name, char out[PATH_MAX])
{
    if ((size_t)snprintf(out, PATH_MAX, "%s/%s", h->dir, name) >= PATH_MAX)
        out[0] = '\0'; /* home_start() left room for every name we use */
}

static int home_start(struct home *h, const char *dir, char *why, size_t cap)
{
    memset(h, 0, sizeof(*h));
    h->lock_fd = -1;
    if (strlen(dir) + 32 > sizeof(h->dir))
        return say(why, cap, ERR_ARG, "the path of --home is too long; use a shorter one");
    text_copy(h->dir, sizeof(h->dir), dir);
    h->secrets = secret_alloc(sizeof(*h->secrets));
    if (h->secrets == NULL)
        return say(why, cap, ERR_NOMEM,
                   "no locked memory for the device key; raise the limit (ulimit -l)");
    memset(h->secrets, 0, sizeof(*h->secrets));
    return 0;
}

static int take_lock(struct home *h, const char *name, const char *who, char *why, size_t cap)
{
    char path[PATH_MAX];

    home_path(h, name, path);
    return folder_lock(&h->lock_fd, path, who, why, cap);
}

static int read_key(struct home *h, char *why, size_t cap)
{
    uint8_t *raw = secret_alloc(2 * KEY_BYTES);
    char path[PATH_MAX];
    int err;

    if (raw == NULL)
        return say(why, cap, ERR_NOMEM, "no locked memory for the device key (ulimit -l)");
    home_path(h, "device.key", path);
    err = secret_read_file(path, raw, 2 * KEY_BYTES);
    if (err == ERR_PERMS)
        say(why, cap, err, "%s can be read by others or is not yours; chmod 600 %s", path, path);
    else if (err == ERR_SYS)
        say(why, cap, err, "cannot read %s: %s", path, strerror(errno));
    else if (err != 0)
        say(why, cap, err,
            "%s is %s; restore it from a backup, or enrol again into an empty folder", path,
            err == ERR_NOTFOUND ? "missing" : "damaged");
    if (err == 0) {
        memcpy(h->secrets->key.secret_key, raw, KEY_BYTES);
        memcpy(h->secrets->dev, raw + KEY_BYTES, KEY_BYTES);
        crypto_scalarmult_curve25519_base(h->secrets->key.public_key, h->secrets->key.secret_key);
    }
    secret_free(raw);
    return err;
}

static int make_key(struct home *h, char *why, size_t cap)
{
    uint8_t *raw = secret_alloc(2 * KEY_BYTES);
    char path[PATH_MAX];
    int err;

    if (raw == NULL)
        return say(why, cap, ERR_NOMEM, "no locked memory for the device key (ulimit -l)");
    noise_keypair_new(&h->secrets->key);
    randombytes_buf(h->secrets->dev, KEY_BYTES);
    memcpy(raw, h->secrets->key.secret_key, KEY_BYTES);
    memcpy(raw + KEY_BYTES, h->secrets->dev, KEY_BYTES);
    home_path(h, "device.key", path);
    err = secret_write_file(path, raw, 2 * KEY_BYTES);
    secret_free(raw);
    if (err != 0)
        return say(why, cap, err, "cannot write %s: %s", path, err_str(err));
    return 0;
}

int home_prepare(struct home *h, const char *dir, char *why, size_t cap)
{
    char path[PATH_MAX];
    int err = home_start(h, dir, why, cap);

    if (err != 0)
        return err;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return say(why, cap, ERR_SYS, "cannot make home %s: %s", dir, strerror(errno));
    err = folder_check(h->dir, "sds enroll", why, cap);
    if (err == 0)
        err = take_lock(h, "enroll.lock", "enroll", why, cap);
    if (err != 0)
        return err;
    home_path(h, "device.conf", path);
    if (access(path, F_OK) == 0)
        return say(why, cap, ERR_EXISTS,
                   "home %s holds an enrolled device already; use an empty folder", dir);
    home_path(h, "device.key", path);
    return access(path, F_OK) == 0 ? read_key(h, why, cap) : make_key(h, why, cap);
}

static int write_conf(const struct home *h, char *why, size_t cap)
{
    char conf[CONF_MAX], path[PATH_MAX], key[2 * KEY_BYTES + 1], suites[SUITE_TEXT_MAX];
    int len, err;

    text_hex(key, h->cloud_key, KEY_BYTES);
    suite_list_text(suites, &h->suites);
    len = snprintf(
        conf, sizeof(conf),
        "inkpost-device %d\nid %s\nhost %s\nport %u\ncloud-key %s\nenrolment %llu\n%s%s%s",
        HOME_VERSION, h->id, h->host, (unsigned)h->port, key, (unsigned long long)h->enrolment,
        h->suites.n > 0 ? "suites " : "", suites, h->suites.n > 0 ? "\n" : "");
    home_path(h, "device.conf", path);
    err = secret_write_file(path, conf, (size_t)len);
    return err == 0 ? 0 : say(why, cap, err, "cannot write %s: %s", path, err_str(err));
}

int home_enrolled(const struct home *h, char *why, size_t cap)
{
    return write_conf(h, why, cap);
}

/* The value of a line "name value", or NULL. Lines are NUL-separated in conf[0..len). */
static const char *conf_value(const char *conf, size_t len, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < len; i += strlen(conf + i) + 1)
        if (strncmp(conf + i, name, n) == 0 && conf[i + n] == ' ')
            return conf + i + n + 1;
    return NULL;
}

static int parse_lines(struct home *h, const char *conf, size_t len, char *why, size_t cap)
{
    const char *version = conf_value(conf, len, "inkpost-device");
    const char *id = conf_value(conf, len, "id"), *host = conf_value(conf, len, "host");
    const char *port = conf_value(conf, len, "port"), *key = conf_value(conf, len, "cloud-key");
    const char *enrolment = conf_value(conf, len, "enrolment");
    const char *suites = conf_value(conf, len, "suites");
    char which[128];
    uint64_t v = 0, p = 0;

    if (version != NULL && text_number(version, HOME_VERSION + 1, UINT64_MAX, &v) == 0)
        return say(why, cap, ERR_VERSION,
                   "home %s was written by a newer inkpost; use that version or newer", h->dir);
    if (version == NULL || id == NULL || host == NULL || port == NULL || key == NULL ||
        enrolment == NULL || text_number(version, HOME_VERSION, HOME_VERSION, &v) != 0 ||
        !id_is_valid(id, strlen(id)) || strlen(host) > HOST_MAX ||
        text_number(port, 1, UINT16_MAX, &p) != 0 ||
        text_unhex(h->cloud_key, KEY_BYTES, key) != 0 ||
        text_number(enrolment, 1, UINT64_MAX, &h->enrolment) != 0 ||
        (suites != NULL && suite_list_parse(&h->suites, suites, which, sizeof(which)) != 0))
        return say(why, cap, ERR_MALFORMED,
                   "%s/device.conf is damaged; restore it from a backup, or enrol again into an "
                   "empty folder",
                   h->dir);
    text_copy(h->id, sizeof(h->id), id);
    text_copy(h->host, sizeof(h->host), host);
    h->port = (uint16_t)p;
    return 0;
}

int home_parse(struct home *h, char *conf, size_t len, char *why, size_t cap)
{
    for (size_t i = 0; i < len; i++)
        if (conf[i] == '\n')
            conf[i] = '\0';
    return parse_lines(h, conf, len, why, cap);
}

static int read_conf(struct home *h, char *why, size_t cap)
{
    char conf[CONF_MAX], path[PATH_MAX];
    ssize_t len;
    int fd;

    home_path(h, "device.conf", path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return say(why, cap, errno == ENOENT ? ERR_NOTFOUND : ERR_SYS,
                   "home %s holds no enrolled device (%s: %s); enrol first", h->dir, path,
                   strerror(errno));
    len = read(fd, conf, sizeof(conf) - 1);
    close(fd);
    if (len < 0)
        return say(why, cap, ERR_SYS, "cannot read %s: %s", path, strerror(errno));
    conf[len] = '\0';
    return home_parse(h, conf, (size_t)len, why, cap);
}

int home_open(struct home *h, const char *dir, enum conn_role role, char *why, size_t cap)
{
    int err = home_start(h, dir, why, cap);

    if (err == 0)
        err = folder_check(h->dir, "sds enroll", why, cap);
    if (err == 0)
        err = read_conf(h, why, cap);
    if (err == 0 && role == ROLE_SEND)
        err = take_lock(h, "send.lock", "sds send, sds run, or sdr run that answers", why, cap);
    if (err == 0 && role == ROLE_RECV)
        err = take_lock(h, "receive.lock", "sdr run, or sds run --talk", why, cap);
    if (err == 0 && role == ROLE_READ)
        err = take_lock(h, "read.lock", "sdr history", why, cap);
    if (err == 0)
        err = read_key(h, why, cap);
    return err;
}

int home_set_cloud(struct home *h, const char *host_port, char *why, size_t cap)
{
    char host[HOST_MAX + 1];
    uint16_t port;

    if (text_host_port(host_port, host, &port) != 0 || port == 0)
        return say(why, cap, ERR_ARG, "--cloud %s is not HOST:PORT", host_port);
    if (strcmp(host, h->host) == 0 && port == h->port)
        return 0;
    text_copy(h->host, sizeof(h->host), host);
    h->port = port;
    h->unsaved = 1;
    return 0;
}

int home_set_suites(struct home *h, const char *text, char *why, size_t cap)
{
    struct list l = {.n = 0};
    char which[256];
    int err = strcmp(text, "all") == 0 ? 0 : suite_list_parse(&l, text, which, sizeof(which));

    if (err != 0)
        return say(why, cap, err, "--suites: %s", which);
    for (size_t i = 0; i < l.n; i++)
        if (!suite_find(l.v[i])->available())
            return say(why, cap, ERR_ARG, "--suites: %s is not available on this processor",
                       suite_find(l.v[i])->name);
    if (h->suites.n == l.n && memcmp(h->suites.v, l.v, l.n) == 0)
        return 0;
    h->suites = l;
    h->unsaved = 1;
    return 0;
}

int home_save(struct home *h, char *why, size_t cap)
{
    int err = h->unsaved ? write_conf(h, why, cap) : 0;

    if (err == 0)
        h->unsaved = 0;
    return err;
}

void home_suites(const struct home *h, struct list *l)
{
    struct list local;

    suite_list_local(&local);
    if (h->suites.n == 0)
        *l = local;
    else
        memset(l, 0, sizeof(*l));
    for (size_t i = 0; i < h->suites.n; i++)
        if (memchr(local.v, h->suites.v[i], local.n) != NULL)
            l->v[l->n++] = h->suites.v[i];
}

void home_close(struct home *h)
{
    secret_free(h->secrets);
    h->secrets = NULL;
    if (h->lock_fd > 0)
        close(h->lock_fd);
    h->lock_fd = -1;
}
