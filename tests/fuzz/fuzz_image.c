/* fuzz_image.c - any bytes through the image decoders of a device, then to grey as a scan goes. */
#include <stdint.h>
#include <stdlib.h>

#include "common/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[IMAGE_WHY_MAX];
    struct image img, grey;
    int rc = image_decode(&img, data, size, "input", why, sizeof(why));

    /* an image or a reason, never both, never neither */
    if ((rc == 0) == (why[0] != '\0') || (rc == 0) == (img.pixels == NULL))
        abort();
    if (rc == 0 && image_to_grey(&img, &grey) == 0)
        image_free(&grey);
    image_free(&img);
    return 0;
}
