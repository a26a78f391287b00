/* fx1_segment.c - steps 1 to 5 of FX-1: find the ink of a scan, whatever the light, the paper and
 * the pen. Runs on pixels from the network, so sizes and memory are bounded by the raster. */
#include "common/fx1_steps.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/image.h"

#define LOCAL_DIV   8   /* half-size of the local window: long side / 8 ... */
#define LOCAL_MIN   8   /* ... but at least this */
#define FLAT_ONE    200 /* flattened grey of a pixel that equals its local mean */
#define INK_BELOW   170 /* ink is darker than 85 % of its local mean */
#define SPECK_DIV   256 /* specks are smaller than 1/256 of all ink ... */
#define SPECK_MIN   4   /* ... or than this, pixels */
#define INK_MIN     64  /* a signature has at least this many ink pixels */
#define GREY_LEVELS 256

/* The largest product in flatten_row, 255 * window * FLAT_ONE, at the largest window: a working
 * raster has sides up to 1024, so half-sizes up to 128. */
_Static_assert(255ull * 257 * 257 * FLAT_ONE <= UINT32_MAX, "flatten in 32 bits");

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* ---- step 3: even light, dark ink */

/* One row, given for each column the sum over the window's rows. */
static void flatten_row(uint8_t *out, const uint8_t *grey, const uint32_t *columns, int width,
                        uint32_t window_rows, int radius)
{
    uint32_t sum = 0;

    for (int x = 0; x < smaller(radius, width); x++)
        sum += columns[x];
    for (int x = 0; x < width; x++) {
        uint32_t cells, v;

        if (x + radius < width)
            sum += columns[x + radius];
        if (x - radius - 1 >= 0)
            sum -= columns[x - radius - 1];
        cells = window_rows * (uint32_t)(smaller(x + radius + 1, width) - larger(x - radius, 0));
        v = grey[x] * cells * FLAT_ONE / (sum > 0 ? sum : 1);
        out[x] = (uint8_t)(v < 255 ? v : 255);
    }
}

static void add_row(uint32_t *columns, const uint8_t *row, int width)
{
    for (int x = 0; x < width; x++)
        columns[x] += row[x];
}

static void subtract_row(uint32_t *columns, const uint8_t *row, int width)
{
    for (int x = 0; x < width; x++)
        columns[x] -= row[x];
}

/* out = min(255, 200 * grey / local mean): a window slides down and along, clipped at the edges. */
static int flatten(uint8_t *out, const uint8_t *grey, int width, int height)
{
    int radius = larger(LOCAL_MIN, larger(width, height) / LOCAL_DIV);
    size_t stride = (size_t)width;
    uint32_t *columns = calloc(stride, sizeof(*columns));

    if (!columns)
        return ERR_NOMEM;
    for (int y = 0; y < smaller(radius, height); y++)
        add_row(columns, grey + (size_t)y * stride, width);
    for (int y = 0; y < height; y++) {
        int rows = smaller(y + radius + 1, height) - larger(y - radius, 0);

        if (y + radius < height)
            add_row(columns, grey + (size_t)(y + radius) * stride, width);
        if (y - radius - 1 >= 0)
            subtract_row(columns, grey + (size_t)(y - radius - 1) * stride, width);
        flatten_row(out + (size_t)y * stride, grey + (size_t)y * stride, columns, width,
                    (uint32_t)rows, radius);
    }
    free(columns);
    return 0;
}

/* Otsu's threshold: the first grey t for which the classes {<= t} and {> t} vary most. */
static int otsu(const uint64_t hist[GREY_LEVELS], uint64_t pixels)
{
    uint64_t total = 0, below = 0, below_sum = 0;
    int64_t best = -1;
    int threshold = 0;

    for (unsigned t = 0; t < GREY_LEVELS; t++)
        total += t * hist[t];
    for (unsigned t = 0; t < GREY_LEVELS - 1; t++) {
        uint64_t above, left, right, gap;

        below += hist[t];
        below_sum += t * hist[t];
        above = pixels - below;
        if (below == 0 || above == 0)
            continue;
        left = below_sum * above;
        right = (total - below_sum) * below;
        gap = left > right ? left - right : right - left;
        if ((int64_t)((gap / below) * (gap / above)) > best) {
            best = (int64_t)((gap / below) * (gap / above));
            threshold = (int)t;
        }
    }
    return threshold;
}

/* Is more than half of the flattened image on the dark side? Then the ink is the light one. */
static bool is_inverted(struct fx1_segment *seg, size_t pixels)
{
    uint64_t hist[GREY_LEVELS] = {0};
    uint64_t dark = 0;

    for (size_t i = 0; i < pixels; i++)
        hist[seg->flat[i]]++;
    seg->otsu = otsu(hist, pixels);
    for (int t = 0; t <= seg->otsu; t++)
        dark += hist[t];
    return 2 * dark > pixels;
}

/* grey is the working raster; it is inverted in place where need be. */
static int flatten_ink_dark(struct fx1_segment *seg, uint8_t *grey)
{
    size_t pixels = (size_t)seg->width * (size_t)seg->height;
    int rc = flatten(seg->flat, grey, seg->width, seg->height);

    if (rc != 0)
        return rc;
    seg->inverted = is_inverted(seg, pixels);
    if (!seg->inverted)
        return 0;
    for (size_t i = 0; i < pixels; i++)
        grey[i] = (uint8_t)(255 - grey[i]);
    return flatten(seg->flat, grey, seg->width, seg->height);
}

/* ---- step 4: ink without specks */

enum { PAPER, INK, SEEN };

/* Append the unseen ink among the 9 pixels around at to the list; its new length. */
static size_t see_around(struct fx1_segment *seg, size_t at, uint32_t *list, size_t n)
{
    int cx = (int)(at % (size_t)seg->width), cy = (int)(at / (size_t)seg->width);

    for (int y = larger(cy - 1, 0); y <= smaller(cy + 1, seg->height - 1); y++)
        for (int x = larger(cx - 1, 0); x <= smaller(cx + 1, seg->width - 1); x++) {
            size_t next = (size_t)y * (size_t)seg->width + (size_t)x;

            if (seg->ink[next] == INK) {
                seg->ink[next] = SEEN;
                list[n++] = (uint32_t)next;
            }
        }
    return n;
}

/* Drop the connected pieces (8 neighbours) that are too small. The list holds every ink pixel at
 * most once, so its length is known beforehand and nothing recurses. */
static int drop_specks(struct fx1_segment *seg)
{
    size_t pixels = (size_t)seg->width * (size_t)seg->height;
    size_t limit = seg->ink_raw / SPECK_DIV > SPECK_MIN ? seg->ink_raw / SPECK_DIV : SPECK_MIN;
    uint32_t *list = calloc(seg->ink_raw + 1, sizeof(*list));

    if (!list)
        return ERR_NOMEM;
    for (size_t start = 0; start < pixels; start++) {
        size_t n = 0;

        if (seg->ink[start] != INK)
            continue;
        seg->ink[start] = SEEN;
        list[n++] = (uint32_t)start;
        for (size_t i = 0; i < n; i++)
            n = see_around(seg, list[i], list, n);
        if (n >= limit)
            seg->ink_kept += n;
        else
            for (size_t i = 0; i < n; i++)
                seg->ink[list[i]] = PAPER;
    }
    for (size_t i = 0; i < pixels; i++)
        seg->ink[i] = seg->ink[i] != PAPER;
    free(list);
    return 0;
}

static int find_ink(struct fx1_segment *seg)
{
    size_t pixels = (size_t)seg->width * (size_t)seg->height;
    int rc;

    for (size_t i = 0; i < pixels; i++) {
        seg->ink[i] = seg->flat[i] < INK_BELOW ? INK : PAPER;
        seg->ink_raw += seg->ink[i];
    }
    rc = drop_specks(seg);
    if (rc != 0)
        return rc;
    return seg->ink_kept < INK_MIN ? ERR_BLANK : 0;
}

/* ---- step 5: the box around the ink, of which there is some */

static void find_box(struct fx1_segment *seg)
{
    int left = seg->width, top = seg->height, right = 0, bottom = 0;

    for (int y = 0; y < seg->height; y++)
        for (int x = 0; x < seg->width; x++)
            if (seg->ink[(size_t)y * (size_t)seg->width + (size_t)x]) {
                left = smaller(left, x);
                right = larger(right, x + 1);
                top = smaller(top, y);
                bottom = larger(bottom, y + 1);
            }
    seg->left = left;
    seg->top = top;
    seg->cols = right - left;
    seg->rows = bottom - top;
}

/* Steps 1 and 2: *grey is the working raster, from malloc. */
static int make_raster(struct fx1_segment *seg, uint8_t **grey, const uint8_t *pixels, int width,
                       int height, int channels)
{
    size_t count = (size_t)width * (size_t)height;
    uint8_t *full = malloc(count);
    int rc = ERR_NOMEM;

    fx1_working_size(width, height, &seg->width, &seg->height);
    *grey = malloc((size_t)seg->width * (size_t)seg->height);
    if (full && *grey) {
        image_grey(full, pixels, count, channels);
        rc = fx1_area_resize(*grey, seg->width, seg->height, full, width, height);
    }
    free(full);
    return rc;
}

int fx1_segment(struct fx1_segment *seg, const uint8_t *pixels, int width, int height, int channels)
{
    uint8_t *grey = NULL;
    int rc;

    *seg = (struct fx1_segment){0};
    if (!fx1_size_ok(width, height) || channels < 1 || channels > 4)
        return ERR_ARG;
    rc = make_raster(seg, &grey, pixels, width, height, channels);
    if (rc != 0)
        goto out;
    seg->flat = malloc((size_t)seg->width * (size_t)seg->height);
    seg->ink = malloc((size_t)seg->width * (size_t)seg->height);
    rc = seg->flat && seg->ink ? flatten_ink_dark(seg, grey) : ERR_NOMEM;
    if (rc == 0)
        rc = find_ink(seg);
    if (rc == 0)
        find_box(seg);
out:
    free(grey);
    if (rc != 0)
        fx1_segment_free(seg);
    return rc;
}

void fx1_segment_free(struct fx1_segment *seg)
{
    free(seg->flat);
    free(seg->ink);
    *seg = (struct fx1_segment){0};
}
